"""Strangers' preprocessing as wheels in a fresh environment without torch: one package for each part, and extensions.

Whoever adds a check for such packages runs it on `TOYS` in an environment that has torch.
"""

import json
import venv
from pathlib import Path

import pytest

from .conftest import LIGHT, ROOT, Environment, Runner, Toy, architecture, build

pytestmark = pytest.mark.long

LIBRARIES = ("huggingface_hub", "jinja2", "numpy", "pillow", "safetensors", "tokenizers")
MANIFEST = """
from archsmith.plugin import Extension, Preprocessing, hookimpl

@hookimpl
def {hook}():
    yield {record}
"""
SOUNDS = """
from archsmith import SequenceFeatureExtractor

class {name}(SequenceFeatureExtractor):
    def features_of(self, clips):
        return clips
"""
PICTURES = "from archsmith import ImageProcessor\n\nclass PicturesImageProcessor(ImageProcessor):\n    pass\n"
DUO = """
from archsmith import Processor

class DuoProcessor(Processor):
    parts = ("image_processor", "feature_extractor")
"""


def alone(name, fields, **modules):
    """Return a package with preprocessing that no architecture owns."""
    manifest = MANIFEST.format(hook="processors", record=f'Preprocessing(name="{name}", {fields})')
    return Toy(f"acme-{name}", processors={name: f"acme_{name}.plugin"}, modules={"plugin": manifest, **modules})


def hearing(name):
    """Return an extension that adds a feature extractor to the architecture ``good``."""
    cls = f"{name.capitalize()}FeatureExtractor"
    record = f'Extension(model_type="good", feature_extractor="acme_{name}.extractor:{cls}")'
    modules = {"plugin": MANIFEST.format(hook="extensions", record=record), "extractor": SOUNDS.format(name=cls)}
    return Toy(f"acme-{name}", extensions={f"good.{name}": f"acme_{name}.plugin"}, modules=modules)


WORDS = 'tokenizer="acme_words.tokenizer:ToyTokenizer", tokenizer_fast="acme_words.tokenizer:ToyTokenizerFast", '
TOYS = (
    architecture("good"),
    alone(
        "words",
        WORDS + 'aliases={"ToyWords": "ToyTokenizer"}',
        tokenizer=Path(__file__).with_name("toy_tokenizer.py").read_text(encoding="utf-8"),
    ),
    alone("pictures", 'image_processor="acme_pictures.images:PicturesImageProcessor"', images=PICTURES),
    alone(
        "sounds",
        'feature_extractor="acme_sounds.extractor:SoundsFeatureExtractor"',
        extractor=SOUNDS.format(name="SoundsFeatureExtractor"),
    ),
    alone("duo", 'processor="acme_duo.processor:DuoProcessor"', processor=DUO),
    hearing("ears"),
    hearing("hears"),
)
NAMES = ["duo", "pictures", "sounds", "words"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Environment:
    folder = tmp_path_factory.mktemp("processors")
    build(folder / "wheels", ROOT / "core", ROOT / "cli", *(toy.write(folder / "sources") for toy in TOYS))
    found = Environment(folder / "environment")
    venv.create(found.root)
    found.pip("install", "-c", ROOT / "constraints.txt", *LIGHT, *LIBRARIES)
    found.pip("install", "--no-deps", "--no-index", *(folder / "wheels").glob("*.whl"))
    return found


@pytest.fixture
def run(place, tmp_path) -> Runner:
    return Runner(place, tmp_path / "seen")


def test_listing_runs_nothing(run):
    listed = json.loads(run.archsmith("list", "--json").stdout)
    assert [row["name"] for row in listed["processors"] if row["state"] == "ok"] == NAMES
    assert [row["model_type"] for row in listed["architectures"]] == ["good"]
    assert "processor words" in run.archsmith("plugins").stdout
    assert "acme-words==1.0  # " in run.archsmith("plugins", "--requirements").stdout
    assert run.imported() == set()


def test_show_and_doctor(run):
    assert "tokenizer_fast  ToyTokenizerFast\n" in run.archsmith("show", "words").stdout
    assert "acme_words.tokenizer" not in run.imported()
    one = {"ARCHSMITH_DISABLE": "acme-hears"}
    shown = run.archsmith("show", "good", **one).stdout
    assert "feature_extractor  EarsFeatureExtractor  acme-ears\n" in shown
    assert "No problems." in (done := run.archsmith("doctor", **one)).stdout, done.stdout + done.stderr
    done = run.archsmith("doctor")
    assert done.returncode == 1
    assert "is provided by acme-ears 1.0 and by the extension acme-hears 1.0." in done.stdout


def test_create_and_load(run, tmp_path):
    (tmp_path / "some.words").write_text("<pad> <unk> <s> <de> hello world")
    made = {
        "words": ("tokenizer", "AutoTokenizer", "ToyTokenizerFast", ["--vocab", tmp_path / "some.words"]),
        "pictures": ("image-processor", "AutoImageProcessor", "PicturesImageProcessor", []),
        "sounds": ("feature-extractor", "AutoFeatureExtractor", "SoundsFeatureExtractor", []),
    }
    for name, (kind, auto, cls, more) in made.items():
        folder = tmp_path / name
        done = run.archsmith("create", name, str(folder), "--kind", kind, *map(str, more))
        assert done.returncode == 0, done.stderr
        for each in (auto, "AutoProcessor"):
            program = f"import archsmith\nanswer = type(archsmith.{each}.from_pretrained({str(folder)!r})).__name__"
            assert run.python(program) == cls
        written = json.loads(next(folder.glob("*_config.json")).read_text())
        assert written["archsmith"]["plugin"] == f"acme-{name}"


def test_a_processor_of_parts_from_other_packages(run, tmp_path):
    program = f"""
        from archsmith import AutoProcessor, DuoProcessor, PicturesImageProcessor, SoundsFeatureExtractor
        duo = DuoProcessor(image_processor=PicturesImageProcessor(), feature_extractor=SoundsFeatureExtractor())
        duo.save_pretrained({str(tmp_path / "duo")!r})
        again = AutoProcessor.from_pretrained({str(tmp_path / "duo")!r})
        answer = [type(each).__name__ for each in (again, again.image_processor, again.feature_extractor)]
        """
    assert run.python(program) == ["DuoProcessor", "PicturesImageProcessor", "SoundsFeatureExtractor"]
    lines = run.archsmith("inspect", str(tmp_path / "duo"), "--requirements").stdout.splitlines()
    assert [line for line in lines if line.startswith("acme")] == [
        "acme-duo==1.0",
        "acme-pictures==1.0",
        "acme-sounds==1.0",
    ]


def test_two_extensions_with_one_part(run):
    program = """
        from archsmith.errors import PluginConflict
        from archsmith.registry import registry
        try:
            answer = registry.load("good", "feature_extractor").__name__
        except PluginConflict as error:
            answer = str(error)
        registry.load("good", "config")
        """
    assert run.python(program).startswith(
        "feature extractor of 'good' is provided by acme-ears 1.0 and by the extension acme-hears 1.0."
    )
    pin = {"ARCHSMITH_PIN": "good.feature_extractor=acme-hears"}
    assert run.python(program, **pin) == "HearsFeatureExtractor"
    assert run.python(program, ARCHSMITH_DISABLE="acme-hears") == "EarsFeatureExtractor"
