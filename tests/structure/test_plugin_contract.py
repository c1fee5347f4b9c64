"""The page of the plugin contract names exactly what the code has: neither drifts from the other."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

from archsmith import DistilBertConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizer, plugin
from archsmith.plugin import Architecture, Extension, PluginSpec, Preprocessing
from archsmith.registry import registry
from archsmith.registry.installed import State
from archsmith.registry.metadata import _GROUPS
from archsmith.tasks import TASKS, auto_class_name

from .test_private_imports import FACES, KNOWN, MODULES, imports_of_the_core

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plugin-contract.md").read_text(encoding="utf-8")


def rows(before):
    """Return the first column of the first table behind a text, without code letters, and the table."""
    _, found, rest = PAGE.partition(before)
    assert found, f"the page does not say {before!r}"
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)[0]
    return [row.split("|")[1].strip(" `") for row in table.splitlines()[2:]], table


def declared(cls):
    """Return the class attributes that a class and its bases in the core declare for subclasses."""
    return {
        name
        for base in cls.__mro__
        if base.__module__.startswith("archsmith.")
        for name, hint in inspect.get_annotations(base).items()
        if "ClassVar" in str(hint) and not name.startswith("_")
    }


def test_groups():
    assert rows("## Entry points")[0] == list(_GROUPS)


def test_names_of_the_manifests_module():
    assert sorted(rows("`archsmith.plugin` has:")[0]) == sorted(plugin.__all__)


def test_hooks():
    names, table = rows("## Hooks")
    hooks = {name: spec for name, spec in vars(PluginSpec).items() if not name.startswith("_")}
    assert [re.sub(r"\(.*", "", name) for name in names] == list(hooks)
    for name, hook in hooks.items():
        arguments = [each for each in inspect.signature(hook).parameters if each != "self"]
        assert f"`{name}({', '.join(arguments)})`" in table
    first = [name for name, hook in hooks.items() if hook.archsmith_spec["firstresult"]]
    assert first == ["identify"]


@pytest.mark.parametrize("record", [Architecture, Extension, Preprocessing])
def test_fields(record):
    fields = dataclasses.fields(record)
    assert rows(f"Fields of `{record.__name__}`:")[0] == [field.name for field in fields]
    assert all(field.kw_only for field in fields)


def test_tasks():
    names, table = rows("## Tasks")
    assert names == ["base", "backbone", *TASKS]
    for name in names:
        assert f"| `{name}` | `{auto_class_name(name)}` |" in table


def test_what_may_be_imported():
    """What the official plugins and the templates import stands in the reference, in a module that this page names."""
    layers = {name for name in KNOWN if name.startswith("archsmith.layers.")}
    assert set(rows("## What may be imported")[0]) == MODULES | FACES | layers
    reference = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    described = set(re.findall(r"^::: (\S+)$", reference, re.MULTILINE))
    assert (MODULES | FACES | layers) - described == {"archsmith"}
    for file, taken in imports_of_the_core().items():
        for module, names in taken.items():
            assert module in described, file
            assert names <= {"", *importlib.import_module(module).__all__}, (file, module)


def test_declarations():
    assert sorted(rows("declared with `archsmith.config.field`:")[0]) == sorted(
        declared(PreTrainedConfig)
        - {"own_file", "side_file_names", "null_is_off", "common"}  # the same for every configuration
    )
    models = rows("the properties `stage_channels` and `stage_strides`:")[0]
    assert sorted(models) == sorted(declared(PreTrainedModel) | {"head_keys"})  # some models say it of each instance


def test_tokenizers():
    others = {"own_file", "is_fast"}  # which the core's own classes say
    assert set(rows("What an author needs is in `archsmith.tokenizer`.")[0]) == declared(PreTrainedTokenizer) - others
    for name in rows("with an attribute of the same name.")[0]:
        assert hasattr(PreTrainedTokenizer, name), name


def test_what_files_say():
    assert rows("## Files")[0] == list(registry.provenance(DistilBertConfig))


def test_states():
    assert rows("## Versions, and the states")[0] == [state.value for state in State]


def test_methods_that_it_names_exist():
    for name in ("init_weights", "rename_key", "dummy_inputs", "as_requested", "wants_attentions"):
        assert f"`{name}`" in PAGE
        assert hasattr(PreTrainedModel, name), name
