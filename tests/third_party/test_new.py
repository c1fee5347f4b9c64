"""A stranger's way from ``archsmith new`` to a wheel, through every kind, in an environment without this repository.

Each project is written, built and installed; its own linter, type checker and tests are run as they were written; it is
used; and once it is uninstalled, the environment is what it was before.
"""

import re
import shutil
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from archsmith_devkit.scaffold import KINDS

from .conftest import Workshop

#: What the projects are used with: the architecture that the extension extends, what decoders share, and a host.
OWNERS = ("archsmith-distilbert", "archsmith-generation", "archsmith-maskformer")
#: What each kind is used for beside the snippet in its README; run in a folder with a checkpoint of DistilBERT.
USES = {
    "text": """
        from pathlib import Path
        from archsmith import AutoTokenizer, MyTextConfig, MyTextTokenizer, MyTextTokenizerFast
        Path("vocab.txt").write_text("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hel", "##lo"]))
        slow, fast = MyTextTokenizer("vocab.txt"), MyTextTokenizerFast("vocab.txt")
        assert slow(["hello", "hel x"], padding=True) == fast(["hello", "hel x"], padding=True)
        fast.save_pretrained("tokenizer")
        assert type(AutoTokenizer.from_pretrained("tokenizer")) is MyTextTokenizerFast
        """,
    "decoder": """
        import torch
        from archsmith import AutoModelForCausalLM, MyDecoderConfig
        config = MyDecoderConfig(vocab_size=30, hidden_size=16, num_hidden_layers=2, tie_word_embeddings=False)
        model = AutoModelForCausalLM.from_config(config).eval()
        model.save_pretrained("decoder")
        model = AutoModelForCausalLM.from_pretrained("decoder")
        ids, mask = torch.randint(1, 30, (2, 6)), torch.tensor([[0, 0, 1, 1, 1, 1], [1] * 6])
        whole = model(ids, attention_mask=mask).logits
        read = model(ids[:, :4], attention_mask=mask[:, :4], use_cache=True)
        rest = model(ids[:, 4:], attention_mask=mask, past_key_values=read.past_key_values).logits
        assert torch.allclose(rest, whole[:, 4:], atol=1e-5)
        alone = model(ids[:1, 2:]).logits
        assert torch.allclose(alone, whole[:1, 2:], atol=1e-5)
        both = model.generate(ids, attention_mask=mask, max_new_tokens=5)
        assert both[0, 6:].equal(model.generate(ids[:1, 2:], max_new_tokens=5)[0, 4:])
        assert both.equal(model.generate(ids, attention_mask=mask, max_new_tokens=5, use_cache=False))
        """,
    "vision": """
        from archsmith import AutoImageProcessor, MyVisionImageProcessor
        MyVisionImageProcessor(size=32).save_pretrained("processor")
        assert AutoImageProcessor.from_pretrained("processor").size == {"height": 32, "width": 32}
        """,
    "audio": """
        from archsmith import AutoFeatureExtractor, MyAudioFeatureExtractor
        MyAudioFeatureExtractor(sampling_rate=8000).save_pretrained("extractor")
        assert AutoFeatureExtractor.from_pretrained("extractor").sampling_rate == 8000
        """,
    "backbone": """
        import torch
        from archsmith import AutoModelForInstanceSegmentation, MaskFormerConfig, MyBackboneConfig
        decoder = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 3}
        backbone = MyBackboneConfig(hidden_sizes=[4, 6, 8], depths=[1, 1, 1], out_features=["stage1", "stage3"])
        config = MaskFormerConfig(
            backbone_config=backbone, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32
        )
        model = AutoModelForInstanceSegmentation.from_config(config).eval()
        pixels = torch.randn(1, 3, 64, 96)
        scores = model(pixels).masks_queries_logits
        model.save_pretrained("host")
        again = AutoModelForInstanceSegmentation.from_pretrained("host")
        assert type(again.model.pixel_level_module.encoder).__module__ == "archsmith_my_backbone.backbone"
        assert torch.equal(again(pixels).masks_queries_logits, scores)
        """,
    "composite": """
        import torch
        from archsmith import AutoModel, MyCompositeConfig
        model = AutoModel.from_config(MyCompositeConfig(text_config={"vocab_size": 30})).eval()
        model.resize_token_embeddings(33)
        assert model.config.text_config.vocab_size == 33
        model.save_pretrained("pair")
        again = AutoModel.from_pretrained("pair")
        inputs = {"input_ids": torch.tensor([[32, 4]]), "pixel_values": torch.randn(3, 3, 64, 64)}
        assert torch.allclose(again(**inputs).logits_per_text, model(**inputs).logits_per_text, atol=1e-5)
        """,
    "processor": """
        from archsmith import AutoImageProcessor, AutoTokenizer, MyProcessorImageProcessor, MyProcessorTokenizerFast
        assert type(AutoTokenizer.from_pretrained("my-processor")) is MyProcessorTokenizerFast
        assert AutoImageProcessor.from_pretrained("my-processor").margin == 8
        """,
    "extension": """
        import torch
        from archsmith import AutoModelForMyExtension, DistilBertForMyExtension
        model = AutoModelForMyExtension.from_pretrained("my-checkpoint")
        assert type(model) is DistilBertForMyExtension
        assert sorted(model.load_report.new) == ["classifier.bias", "classifier.weight"]
        labels = torch.zeros(2, 3, dtype=torch.long)
        assert model(torch.ones_like(labels), labels=labels).loss > 0
        """,
    "tool": """
        import json, subprocess
        command = ["archsmith", "my-tool", "my-checkpoint"]
        drawn = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        assert drawn[0].split() == ["PART", "NUMBERS"] and drawn[1].startswith("distilbert "), drawn
        data = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
        assert sum(data["parts"].values()) == data["numbers"], data
        """,
}
CHECKPOINT = """
    from archsmith import DistilBertConfig, DistilBertForMaskedLM
    config = DistilBertConfig(dim=16, n_heads=2, n_layers=1, hidden_dim=16, vocab_size=30)
    DistilBertForMaskedLM(config).save_pretrained("my-checkpoint")
    """


@dataclass
class Bench:
    """The workshop with the owners installed, a folder to use projects in, and what there was before any of them."""

    workshop: Workshop
    desk: Path

    def __post_init__(self) -> None:
        self.before = self.state()

    def run(self, *command: object, cwd: Path | None = None) -> str:
        """Run a program of the environment, in the desk unless told otherwise, and return what it printed."""
        settings = {"MYPY_CACHE_DIR": str(self.desk / "mypy"), "OMP_NUM_THREADS": "1"}
        return self.workshop.run(*command, cwd=cwd or self.desk, **settings).stdout

    def pip(self, *arguments: object) -> None:
        self.run("python", "-m", "pip", "-q", *arguments)

    def python(self, *programs: str, cwd: Path | None = None) -> None:
        """Run programs one after the other in one process; warnings are errors, announcements apart."""
        silence = "import warnings, archsmith\nwarnings.simplefilter('ignore', archsmith.ArchsmithWarning)\n"
        self.run("python", "-I", "-W", "error", "-c", silence + "\n".join(map(dedent, programs)), cwd=cwd)

    def shown(self) -> str:
        """Return what ``archsmith`` tells of what is installed."""
        return self.run("archsmith", "list", "--json") + self.run("archsmith", "plugins", "--json")

    def state(self) -> tuple[list[str], list[str], str]:
        """Return what pip knows, every file that is installed (compiled ones apart), and what ``archsmith`` tells."""
        root = Path(sysconfig.get_path("purelib", vars={"base": str(self.workshop.environment.root)}))
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if "__pycache__" not in path.parts)
        return self.workshop.freeze(), files, self.shown()


@pytest.fixture(scope="module")
def bench(workshop, tmp_path_factory):
    """The workshop with the owners installed, from which they are gone again in the end."""
    desk, before = tmp_path_factory.mktemp("desk"), workshop.freeze()
    workshop.run("python", "-m", "pip", "install", "-q", *OWNERS, cwd=desk)
    found = Bench(workshop, desk)
    found.python(CHECKPOINT)
    yield found
    brought = {*workshop.freeze()} - {*before}
    found.pip("uninstall", "-y", *sorted(re.split("==| @ ", line)[0] for line in brought))
    assert workshop.freeze() == before


@pytest.mark.parametrize("kind", KINDS)
def test_from_nothing_to_a_wheel_and_back(bench, tmp_path, kind):
    distribution = f"archsmith-my-{kind}"
    base = ("--base", "distilbert") if kind == "extension" else ()
    said = bench.run("archsmith", "new", f"my-{kind}", "--kind", kind, *base, cwd=tmp_path)
    assert said.startswith(f"Wrote {distribution} to {distribution}: {KINDS[kind]}\n")
    project = tmp_path / distribution
    bench.run("python", "-m", "build", "--wheel", "--no-isolation", cwd=project)
    bench.pip("install", "--no-deps", "--no-index", next((project / "dist").glob("*.whl")))
    try:
        assert distribution in bench.shown()
        check_as_its_author_would(bench, project)
        readme = (project / "README.md").read_text()
        shutil.copytree(bench.desk / "my-checkpoint", tmp_path / "my-checkpoint")
        bench.python(*re.findall(r"```python\n(.*?)```", readme, re.DOTALL), USES[kind], cwd=tmp_path)
    finally:
        bench.pip("uninstall", "-y", distribution)
    assert bench.state() == bench.before


def check_as_its_author_would(bench, project):
    """Run the tools and the tests of a project side by side, as they are set up in it; they change nothing."""
    written = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    steps = ("pytest", "mypy", "ruff check", "ruff format --check")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda step: bench.run(*step.split(), cwd=project), steps))
    assert {path: path.read_bytes() for path in written} == written


def test_the_steps_of_ci_are_those_that_were_run_here(bench, tmp_path):
    """The workflow that every project comes with names these programs, in an order in which they work."""
    bench.run("archsmith", "new", "my-tool", "--kind", "tool", cwd=tmp_path)
    project = tmp_path / "archsmith-my-tool"
    steps = re.findall(r"- run: (.*)", (project / ".github/workflows/ci.yml").read_text())
    assert steps == [
        'pip install -e ".[dev]"',
        "ruff check",
        "ruff format --check",
        "mypy",
        "pytest",
        "python -m build --wheel",
        "archsmith check archsmith-my-tool",
    ]
    bench.pip("install", "-e", f"{project}[dev]")
    try:
        assert ", 0 failed, " in bench.run(*steps[-1].split())
    finally:
        bench.pip("uninstall", "-y", "archsmith-my-tool")
    assert bench.state() == bench.before
