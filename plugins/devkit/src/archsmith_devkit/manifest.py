"""Checks of how a plugin declares itself: what looking it up costs, and where its references lead."""

import json
from typing import Any

import archsmith
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.feature_extractor import SequenceFeatureExtractor
from archsmith.image_processor import ImageProcessor
from archsmith.model import PreTrainedModel
from archsmith.processor import Processor
from archsmith.registry import registry
from archsmith.tokenizer import PreTrainedTokenizer, PreTrainedTokenizerFast
from archsmith_devkit.harness import Harness, refusal, run_python

__all__ = ["HEAVY", "PART_BASES", "DeclarationChecks"]

#: What a manifest, a package's ``__init__`` and a configuration must not bring with them.
HEAVY = ("torch", "tokenizers", "PIL", "soundfile", "safetensors", "huggingface_hub", "timm", "torchvision", "scipy")
#: Role → the class that what plays it derives from.
PART_BASES: dict[str, type[Any]] = {
    "config": PreTrainedConfig,
    "private_configs": PreTrainedConfig,
    "models": PreTrainedModel,
    "tokenizer": PreTrainedTokenizer,
    "tokenizer_fast": PreTrainedTokenizerFast,
    "image_processor": ImageProcessor,
    "feature_extractor": SequenceFeatureExtractor,
    "processor": Processor,
}


class DeclarationChecks(Harness):
    """What others rely on before they use anything of a plugin."""

    def test_manifest_is_light(self) -> None:
        """Whoever lists or explains an architecture loads its manifest; that must not cost what using it does.

        Fix: import the standard library and archsmith.plugin in the manifest, nothing else, name classes as
        strings, and make the package's __init__ lazy (archsmith.lazy).
        """
        entry = self.entry()
        # A package's __init__ runs before its manifest, so both show here.
        brought, _, asked = _brought(entry.module)
        own = entry.module.partition(".")[0]
        foreign = sorted(name for name in brought if name.partition(".")[0] not in (own, "archsmith", "pluggy"))
        assert not foreign, f"importing {entry.module} imports {', '.join(foreign[:5])}"
        assert not asked, f"importing {entry.module} asks the network for {asked[0]}"

    def test_import_cost(self) -> None:
        """Fifty plugins that take a tenth of a second each make every command wait for five.

        Fix: compute nothing in the manifest and in the package's __init__: no tables, no files, no waiting.
        """
        module = self.entry().module
        times = min(_brought(module)[1] for _ in range(3))  # the machine may be busy with something else
        assert times <= 1, f"importing {module} takes {times:.1f} times as long as all of archsmith.config"

    def test_configuration_is_light(self) -> None:
        """A configuration is read to explain or choose a model; torch would make that twenty times slower.

        Fix: keep the configuration in a module of its own, which imports archsmith.config and no module of a model.
        """
        module = self.config_class().__module__
        heavy = sorted(_brought(module)[0] & set(HEAVY))
        assert not heavy, f"importing {module} imports {', '.join(heavy)}"

    def test_references_resolve(self) -> None:
        """A reference is a string; a misspelt one would show only when somebody asks for that class.

        Fix: correct the reference in the manifest, or derive the class from the base that is named.
        """
        architecture = registry.get(self.model_type)
        for role in architecture.references():
            found = registry.load(self.model_type, role)
            kind = PART_BASES[role.partition(".")[0]]
            assert issubclass(found, kind), (
                f"{role} of {self.model_type!r} is {found.__name__}, which is not a {kind.__name__}"
            )
        self.assert_models_fit()

    def test_class_names_lead_back(self) -> None:
        """``from archsmith import X`` must give the class of the plugin's own package: it is how users write it.

        Fix: let no two classes of the plugin have one name, and name each class in the manifest as it is called.
        """
        for name in registry.exports(self.entry()):
            found = getattr(archsmith, name)
            assert found.__name__ in registry.exports(self.entry()), f"archsmith.{name} is {found.__name__}"

    def test_provenance(self) -> None:
        """A file says which plugin wrote it, so that whoever lacks the plugin is told its name.

        Fix: define the configuration class in the package that the entry point names.
        """
        entry = self.entry()
        written = self.config().to_file_dict().get("archsmith", {})
        expected = {"version": archsmith.__version__, "plugin": entry.distribution, "plugin_version": entry.version}
        assert written == expected, f"config.json would say {written}, not {expected}"

    def test_messages_name_the_plugin(self) -> None:
        """With fifty plugins installed, an error that does not say whose it is helps nobody.

        Fix: leave the messages of the registry alone; what is raised here is its own.
        """
        entry = self.entry()
        said = refusal(ArchsmithError, registry.load, self.model_type, "models.no-such-task")
        assert said, f"{self.model_type!r} has a model for a task that does not exist"
        assert entry.distribution in said, f"the message does not name {entry.distribution}: {said}"


def _brought(module: str) -> tuple[set[str], float, list[str]]:
    """Import a module in a fresh interpreter.

    Returns:
        The modules that come with it, beside the standard library and what is light; how many times as long it takes
        as archsmith.config; and the hosts that it asks for.
    """
    done = run_python("-c", _IMPORT, module)
    assert done.returncode == 0, f"{module} does not import by itself:\n{done.stderr}"
    times, modules, asked = json.loads(done.stdout.splitlines()[-1])
    return set(modules), times, asked


#: Imports a module, and prints how long that took, in units of archsmith.config, which modules came with it, and which
#: hosts were asked for.
_IMPORT = """
import importlib, json, sys, time
begin = time.perf_counter()
import archsmith.config, archsmith.plugin

asked = []
watched = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, args: asked.append(str(args)) if event in watched else None)
before, start = set(sys.modules), time.perf_counter()
importlib.import_module(sys.argv[1])
times = (time.perf_counter() - start) / (start - begin)
new = [name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names]
print()
print(json.dumps([times, new, asked]))
"""
