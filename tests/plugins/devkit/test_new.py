"""``archsmith new``: what it writes and what it refuses. tests/third_party shows that it works when installed."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from textwrap import dedent
from types import ModuleType

import pytest
import torch

from archsmith.errors import InputError, SaveFailed
from archsmith.registry import registry
from archsmith_cli.verb import output_folder
from archsmith_devkit.scaffold import KINDS

COMMON = [".github/workflows/ci.yml", ".gitignore", "README.md", "pyproject.toml", "tests/test_conformance.py"]
OWN = {
    "text": ["__init__", "config", "model", "plugin", "tokenizer"],
    "decoder": ["__init__", "config", "heads", "model", "plugin", "tokenizer"],
    "vision": ["__init__", "config", "image_processor", "model", "plugin"],
    "audio": ["__init__", "config", "feature_extractor", "model", "plugin"],
    "backbone": ["__init__", "backbone", "config", "image_processor", "model", "plugin"],
    "composite": ["__init__", "config", "image_processor", "model", "plugin", "processor", "tokenizer"],
    "processor": ["__init__", "image_processor", "plugin", "processor", "tokenizer"],
    "extension": ["__init__", "model", "plugin"],
    "tool": ["__init__", "command"],
}
#: The shortest name, one that is written in two ways, the longest published one of its kind, the longest.
NAMES = ("x", "my_bag-2", "audio-spectrogram-transformer", "m" * 29)


def written(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def base_of(kind):
    return ("--base", "distilbert") if kind == "extension" else ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_distribution(installed, tmp_path, kind):
    result = installed(
        "new", "my-bag", "--kind", kind, *base_of(kind), "--out", tmp_path / "deep" / "project", "--json"
    )
    assert (result.code, result.err) == (0, "")
    files = written(tmp_path / "deep" / "project")
    test = {"tool": "tests/test_command.py", "processor": "tests/test_preprocessing.py"}.get(
        kind, "tests/test_learning.py"
    )
    modules = [f"src/archsmith_my_bag/{name}" for name in ("py.typed", *(f"{module}.py" for module in OWN[kind]))]
    assert sorted(files) == sorted([*COMMON, test, *modules])
    assert result.data == {
        "path": str(tmp_path / "deep" / "project"),
        "kind": kind,
        "name": "my-bag",
        "distribution": "archsmith-my-bag",
        "package": "archsmith_my_bag",
        "files": sorted(files),
        "next": [f"cd {tmp_path / 'deep' / 'project'}", 'pip install -e ".[dev]"', "pytest"],
    }
    for path, text in files.items():
        assert not re.search("sample.?net", path + text, re.IGNORECASE), path
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["name"] == "archsmith-my-bag"
    assert any(requirement.startswith("archsmith") for requirement in project["project"]["dependencies"])
    assert project["project"]["keywords"] == ["archsmith", "pytorch"]
    assert "Typing :: Typed" in project["project"]["classifiers"]
    assert (
        not {"license", "authors", "urls"} & project["project"].keys()
    )  # that is for its author to say, where these lines are
    assert (
        '\n# license = "…"  # the one that you choose, such as "MIT" (SPDX), with its text' in files["pyproject.toml"]
    )
    assert {'# authors = [{name = "…"}]', '# Source = "https://…"'} <= {*files["pyproject.toml"].splitlines()}
    assert "choose a licence" in files["README.md"]
    assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]+)\)", files["README.md"]))


def test_every_name_makes_tidy_sources(installed, tmp_path):
    """Ruff, as the projects set it up, finds nothing in any of them: names of all lengths fit into the lines."""
    for kind in KINDS:
        for name in NAMES:
            assert (
                installed("new", name, "--kind", kind, *base_of(kind), "--out", tmp_path / f"{kind}-{name}").code == 0
            )
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "-q", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_what_it_says(archsmith, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = archsmith("new", "my-bag", "--kind", "tool", "--distribution", "acme-bag")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "Wrote acme-bag to acme-bag: a command for archsmith\n"
        "  .github/workflows/ci.yml\n"
        "  .gitignore\n"
        "  README.md\n"
        "  pyproject.toml\n"
        "  src/archsmith_my_bag/__init__.py\n"
        "  src/archsmith_my_bag/command.py\n"
        "  src/archsmith_my_bag/py.typed\n"
        "  tests/test_command.py\n"
        "  tests/test_conformance.py\n"
        "Next:\n"
        "  cd acme-bag\n"
        '  pip install -e ".[dev]"\n'
        "  pytest\n"
    )
    assert 'assert_conforms("acme-bag")' in (tmp_path / "acme-bag/tests/test_conformance.py").read_text()
    assert "run: archsmith check acme-bag\n" in (tmp_path / "acme-bag/.github/workflows/ci.yml").read_text()


def test_text_is_the_default_and_needs_no_torch(process, tmp_path):
    code = "import sys; from archsmith_cli.main import run; code = run(sys.argv[1:]); "
    code += "sys.exit(9 if {'torch', 'numpy'} & sys.modules.keys() else code)"
    done = process("new", "my-bag", "--out", tmp_path / "out", code=code)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/src/archsmith_my_bag/tokenizer.py").exists()


MY = "Choose another name, such as 'my-{0}'."
SPELLING = (
    "must be lower-case letters and digits, beginning with a letter, with single '-' or '_' between them, because it "
    "becomes the name of a package and of classes."
)


REFUSALS = {
    "MyBag": f"NAME: 'MyBag' {SPELLING} Did you mean 'my-bag'?",
    "3d-net": f"NAME: '3d-net' {SPELLING} Did you mean 'my-3d-net'?",
    "'my bag!'": f"NAME: 'my bag!' {SPELLING} Did you mean 'my-bag'?",
    "bag-": f"NAME: 'bag-' {SPELLING} Did you mean 'bag'?",
    "../bag": f"NAME: '../bag' {SPELLING} Did you mean 'bag'?",
    "été": f"NAME: 'été' {SPELLING}",
    "''": f"NAME: '' {SPELLING}",
    "m" * 30: f"NAME: '{'m' * 30}' has 30 characters, but must have 29 at most. Choose a shorter one.",
    "class": f"NAME: 'class' is a keyword of Python. {MY.format('class')}",
    "json": f"NAME: 'json' is a module of Python's standard library. {MY.format('json')}",
    "torch": f"NAME: 'torch' is taken by the installed package torch. {MY.format('torch')}",
    "timm --kind tool": f"NAME: 'timm' is taken by the installed package timm. {MY.format('timm')}",
    "cli --distribution acme": f"NAME: 'cli' is taken by the installed package archsmith_cli. {MY.format('cli')}",
    "vit": f"NAME: 'vit' is taken by archsmith-vit 0.2.0. {MY.format('vit')}",
    "distil-bert": (
        "NAME: 'distil-bert' is taken by archsmith-distilbert 0.2.0, whose model_type 'distilbert' differs in '-' and "
        f"'_' alone. {MY.format('distil-bert')}"
    ),
    "backbone --kind backbone": (
        "NAME: 'backbone' would bring a class BackboneConfig, which archsmith itself has already. "
        + MY.format("backbone")
    ),
    "word-piece": (
        "NAME: 'word-piece' would bring a class WordPieceTokenizer, which archsmith_wordpiece has already. "
        + MY.format("word-piece")
    ),
    "conv-next --kind vision": (
        "NAME: 'conv-next' would bring a class ConvNextImageProcessor, which archsmith-convnext-images 0.2.0 has "
        "already. " + MY.format("conv-next")
    ),
    "check --kind tool": f"NAME: 'check' is a command of archsmith-devkit 0.2.0 already. {MY.format('check')}",
    "create --kind tool": f"NAME: 'create' is a command of archsmith itself already. {MY.format('create')}",
    "masked-lm --kind extension --base distilbert": (
        "NAME: 'distilbert' has a model for the task 'masked-lm' already, from archsmith-distilbert 0.2.0. "
        "Choose another name."
    ),
    "my-bag --distribution archsmith_BERT": (
        "--distribution: 'archsmith_BERT' is a distribution already. Choose another name for it with --distribution."
    ),
    "my-bag --distribution 'acme bag'": (
        "--distribution: 'acme bag' must be letters and digits, with '-', '_' and '.' between them, as pip takes them."
    ),
    "my-bag --class-prefix 'gpt 2'": (
        "--class-prefix: 'gpt 2' must be a capital and up to 28 letters and digits after it, such as GPT2."
    ),
    "my-bag --class-prefix Bert": (
        "--class-prefix: 'my-bag' would bring a class BertConfig, which archsmith-bert 0.2.0 has already. Choose "
        "another --class-prefix."
    ),
    "my-bag --class-prefix Bag --kind tool": (
        "--class-prefix: it is 'Bag', but --kind tool has no classes of its own name."
    ),
    "my-bag --base vit": "--base: it is 'vit', but belongs to --kind extension.",
    "my-bag --kind vison": (
        "'--kind': 'vison' is none of text, decoder, vision, audio, composite, processor, backbone, "
        "extension, tool. Did you mean 'vision'?"
    ),
    "my-bag --out ''": "--out: it is empty; expected the path of a folder or file.",
}


@pytest.mark.parametrize("line", REFUSALS)
def test_impossible_or_taken_names(installed, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    result = installed("new", *shlex.split(line))
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: Invalid value for {REFUSALS[line]} Try: archsmith new --help\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["text", "decoder", "vision", "audio", "composite", "processor", "backbone"])
def test_classes_have_the_names_that_the_field_knows(installed, tmp_path, kind):
    out = tmp_path / "out"
    result = installed("new", "gpt9-like", "--kind", kind, "--class-prefix", "GPT9", "--out", out)
    assert (result.code, result.err) == (0, "")
    text = "".join(written(out).values())
    assert "GPT9Config" in text or kind == "processor"
    assert "Gpt9Like" not in text
    assert ('model_type="gpt9-like"' in text) == (kind != "processor")
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "-q", str(out)]
    assert subprocess.run(ruff, capture_output=True).returncode == 0


def test_an_extension_says_what_it_extends(installed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = installed("new", "my-scoring", "--kind", "extension")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "error: Invalid value for --base: it is missing; expected the architecture that is extended, such as "
        "--base distilbert. Installed: bert, "
    )
    assert not list(tmp_path.iterdir())


def test_home_is_a_folder_like_any_other(installed, tmp_path, monkeypatch):
    """No shell expands the tilde of --out=~/x."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    result = installed("new", "my-bag", "--out=~/bag")
    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "home/bag/pyproject.toml").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_known_plugin_that_is_not_installed_keeps_its_name(archsmith, tmp_path):
    result = archsmith("new", "vit", "--out", tmp_path / "out")
    assert result.err == (
        "error: Invalid value for NAME: 'vit' is taken by archsmith-vit. Choose another name, such as 'my-vit'. "
        "Try: archsmith new --help\n"
    )


def test_a_verb_of_a_plugin_is_taken(archsmith, site, tmp_path):
    site.declare("toy-verbs", commands={"train": "toy_verbs:app"})
    result = archsmith("new", "train", "--kind", "tool", "--out", tmp_path / "out")
    assert result.err == (
        "error: Invalid value for NAME: 'train' is a command of toy-verbs 1.0 already. Choose another name, such as "
        "'my-train'. Try: archsmith new --help\n"
    )


BASES = {
    "distilbrt": "No installed plugin provides model_type 'distilbrt'.",
    "timm_backbone": "'timm_backbone' (archsmith-timm 0.2.0) has no model for the task 'base'. It has: backbone.\n",
    "maskformer": (
        "no extension can be written for 'maskformer': MaskFormerModel returns no last_hidden_state of 3 or 4 axes. "
        "Choose another --base; archsmith list shows which there are.\n"
    ),
    "timm_wrapper": (
        "no extension can be written for 'timm_wrapper': TimmWrapperModel has no class above it that all its models "
        "share, with a prefix. Choose another --base; archsmith list shows which there are.\n"
    ),
}


@pytest.mark.parametrize("base", BASES)
def test_impossible_bases(installed, tmp_path, base):
    result = installed("new", "scoring", "--kind", "extension", "--base", base, "--out", tmp_path / "out")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {BASES[base]}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("base", ["bert", "distilbert", "maskformer-swin", "resnet", "vit", "wav2vec2"])
def test_an_extension_of_any_architecture_computes(installed, tmp_path, base):
    result = installed("new", "my_scoring", "--kind", "extension", "--base", base, "--out", tmp_path / "out", "--json")
    assert (result.code, result.err) == (0, "")
    project = tomllib.loads((tmp_path / "out/pyproject.toml").read_text())["project"]
    owner = registry.provider(registry.load(base, "config"))
    assert project["dependencies"] == ["archsmith>=0.2,<0.3", f"{owner.distribution}>={owner.version}"]
    assert project["entry-points"]["archsmith.extensions"] == {f"{base}.my-scoring": "archsmith_my_scoring.plugin"}
    source = tmp_path / "out/src/archsmith_my_scoring/model.py"
    spec = importlib.util.spec_from_file_location(f"scoring_{base.replace('-', '_')}", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (name,) = module.__all__
    assert name == registry.load(base, "models.base").__name__.removesuffix("Model") + "ForMyScoring"
    model_class = getattr(module, name)
    model = model_class(model_class.config_class(**registry.get(base).tiny, num_labels=3))
    inputs = model.dummy_inputs
    labels = torch.zeros(model(**inputs).logits.shape[:-1], dtype=torch.long)
    output = model(**inputs, labels=labels, output_hidden_states=True)
    assert output.logits.shape[2:] == (3,)
    assert len(output.hidden_states) > 1
    output.loss.backward()
    assert model.classifier.weight.grad.abs().sum() > 0
    with pytest.raises(InputError):
        model(**inputs, labels=labels[:, :1])


CONFIG = """
    from archsmith.config import PreTrainedConfig, Size, field

    class BagConfig(PreTrainedConfig):
        model_type = "bag"
        attribute_map = {"hidden_size": "width"}
        vocab_size: Size = field(default=9)
        width: Size = field(default=4)
    """
MODEL = """
    from torch import nn
    from archsmith.model import PreTrainedModel
    from archsmith.outputs import BaseModelOutput
    from acme_bag.config import BagConfig

    class BagPreTrainedModel(PreTrainedModel):
        config_class = BagConfig
        base_model_prefix = "bag"

    class BagModel(BagPreTrainedModel):
        def __init__(self, config):
            super().__init__(config)
            self.words = nn.Embedding(config.vocab_size, config.width)

        def forward(self, input_ids, *, return_dict=None, {argument}):
            return self.as_requested(BaseModelOutput({output}), return_dict)

    class BagForMaskedLM(BagModel):
        pass
    """


@pytest.fixture
def bag(site):
    """Return a function that installs a stranger's architecture, whose base model takes and returns the least."""

    def install(*, argument="attention_mask=None", output="self.words(input_ids)", shared="BagPreTrainedModel"):
        site.install("bag", distribution="acme-bag")
        site.write("acme_bag/config.py", CONFIG)
        source = dedent(MODEL).replace("{argument}", argument).replace("{output}", output)
        site.write(
            "acme_bag/model.py", source.replace("class BagModel(BagPreTrainedModel)", f"class BagModel({shared})")
        )

    return install


def test_an_extension_of_a_strangers_architecture(archsmith, bag, tmp_path):
    """Arguments that the base lacks are left out, and its package comes where its name belongs among the imports."""
    bag()
    out = tmp_path / "out"
    result = archsmith("new", "scoring", "--kind", "extension", "--base", "bag", "--out", out)
    assert (result.code, result.err) == (0, "")
    source = (out / "src/archsmith_scoring/model.py").read_text()
    imports = "from acme_bag.config import (\n    BagConfig,\n)\nfrom acme_bag.model import (\n    BagModel,\n"
    assert f"from typing import Any\n\n{imports}    BagPreTrainedModel,\n)\nfrom archsmith.layers" in source
    assert "input_ids: Tensor,\n        attention_mask: Tensor | None = None,\n        labels" in source
    assert "output_attentions" not in source
    assert "hidden_states" not in source
    assert "nn.Linear(config.width, config.num_labels)" in source
    module = ModuleType("acme_scoring")
    exec(source, module.__dict__)
    model = module.BagForScoring(module.BagConfig())
    assert model(**model.dummy_inputs, labels=torch.ones(2, 7, dtype=torch.long)).loss > 0
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "-q", str(out)]
    assert subprocess.run(ruff, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (
            {"shared": "PreTrainedModel"},
            "BagModel has no class above it that all its models share, with a prefix",
        ),
        ({"output": "None"}, "BagModel returns no last_hidden_state of 3 or 4 axes"),
        (
            {"output": "self.words(input_ids)[..., :2]"},
            "no hidden_size of BagConfig tells how wide its hidden states are",
        ),
        ({"output": "1 / 0"}, "a small BagModel does not run: ZeroDivisionError: division by zero"),
    ],
)
def test_bases_that_can_not_be_extended(archsmith, bag, tmp_path, spoilt, reason):
    bag(**spoilt)
    result = archsmith("new", "scoring", "--kind", "extension", "--base", "bag", "--out", tmp_path / "out")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: no extension can be written for 'bag': {reason}. Choose another --base; archsmith list shows which "
        "there are.\n"
    )
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(archsmith, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    assert archsmith("new", "my-bag", "--out", out).code == 0  # an empty folder is as good as none
    before = written(out)
    result = archsmith("new", "my-bag", "--out", out)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: '{out}' is not empty (it holds .github, .gitignore, README.md, pyproject.toml, ...); expected an "
        "empty or a new folder. Choose another with --out.\n"
    )
    assert written(out) == before
    result = archsmith("new", "my-bag", "--out", out / "README.md")
    assert result.err == (
        f"error: '{out / 'README.md'}' is a file; expected a folder, or a path where nothing is yet.\n"
    )


@pytest.mark.parametrize("exists", [True, False])
def test_all_of_it_or_nothing(tmp_path, exists):
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    with pytest.raises(SaveFailed), output_folder(str(out), force=False) as folder:
        (folder / "src").mkdir()
        (folder / "src" / "model.py").touch()
        (folder / "README.md").touch()
        raise SaveFailed("the disk is full.")
    assert list(tmp_path.rglob("*")) == ([out] if exists else [])
