"""A stranger's backbone, from a wheel in a fresh environment, works in every host as those of the project do."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from .conftest import BUILD, ROOT, Environment, Runner
from .toy_backbone import MOSAIC, PYRAMID

#: A host is built, saved and loaded with the same numbers: what it computes from these pixels, as text.
ANSWER = """
import torch
torch.manual_seed(3)
pixels = torch.randn(2, 3, 33, 50)
def numbers(model):
    with torch.no_grad():
        return [[*each.shape, each.double().sum().item()] for each in model.eval()(pixels).hidden_states]
"""


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Environment:
    """An environment with the core and both strangers from wheels, beside the libraries that this one has."""
    folder = tmp_path_factory.mktemp("backbone")
    wheels, libraries = folder / "wheels", folder / "libraries"
    sources = [
        ROOT / "core",
        ROOT / "cli",
        ROOT / "plugins/devkit",
        ROOT / "plugins/maskformer",
        *(toy.write(folder / "sources") for toy in (PYRAMID, MOSAIC)),
    ]
    for place in (wheels, libraries):
        place.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, wheels, *sources], check=True, timeout=300, capture_output=True)
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not installed.name.startswith(("archsmith", "_editable")) and installed.suffix != ".pth":
            (libraries / installed.name).symlink_to(installed)
    environment = Environment(folder / "environment", late=next(wheels.glob("acme_pyramid*.whl")))
    venv.create(environment.root, symlinks=True)
    environment.pip("install", "--no-deps", "--no-index", *wheels.glob("*.whl"))
    site = sysconfig.get_path("purelib", vars={"base": str(environment.root)})
    (Path(site) / "libraries.pth").write_text(f"{libraries}\n")
    return environment


@pytest.fixture
def run(strangers, tmp_path) -> Runner:
    return Runner(strangers, tmp_path / "seen")


def test_it_conforms(run):
    """The kit that the project's own backbones pass, in the stranger's environment."""
    program = """
        from archsmith_devkit import ArchitectureConformance

        class TestPyramid(ArchitectureConformance):
            model_type = "pyramid"
            tiny = {"widths": [2, 3]}

        answer = [name for name in dir(TestPyramid) if name.startswith("test_backbone") or name == "test_save_and_load"]
        for name in answer:
            getattr(TestPyramid(), name)()
        import archsmith
        assert "site-packages" in archsmith.__file__, archsmith.__file__
        """
    assert len(run.python(program)) > 8


def test_a_host_holds_it_by_the_name_of_a_preset_and_survives_its_files(run, tmp_path):
    host = tmp_path / "host"
    built = run.python(f"""
        {indented(ANSWER)}
        from archsmith import MosaicConfig, MosaicModel
        model = MosaicModel(MosaicConfig(backbone="acme/pyramid-small"))
        model.train()(pixels)  # its statistics are its own from here on
        answer = [numbers(model), model.config.backbone_source["backbone"], model.backbone.channels]
        model.save_pretrained({str(host)!r})
        """)
    assert built[1:] == ["acme/pyramid-small", [4, 6]]
    assert [shape[:4] for shape in built[0]] == [[2, 5, 17, 25], [2, 5, 9, 13]]
    program = f"""
        {indented(ANSWER)}
        import json, pathlib
        from archsmith import AutoModel
        model = AutoModel.from_pretrained({str(host)!r}, mmap=False)
        written = json.loads(pathlib.Path({str(host / "config.json")!r}).read_text())["backbone_config"]
        answer = [numbers(model), type(model.backbone).__module__, written["archsmith"]["plugin"], written["widths"]]
        """
    assert run.python(program) == [built[0], "acme_pyramid.model", "acme-pyramid", [4, 6]]


def test_a_host_takes_its_weights_once(run, tmp_path):
    """The folder of the backbone may go: a saved host has all it needs."""
    weights, host = tmp_path / "weights", tmp_path / "host"
    built = run.python(f"""
        {indented(ANSWER)}
        from archsmith import AutoBackbone, AutoConfig, MosaicConfig, MosaicModel
        backbone = AutoBackbone.from_config(AutoConfig.for_model("pyramid", out_features=["floor1", "floor3"]))
        backbone(pixels)
        backbone.save_pretrained({str(weights)!r})
        model = MosaicModel(MosaicConfig(backbone={str(weights)!r}, use_pretrained_backbone=True))
        for name, tensor in backbone.state_dict().items():
            assert torch.equal(tensor, model.backbone.state_dict()[name]), name
        model.save_pretrained({str(host)!r})
        answer = numbers(model)
        """)
    shutil.rmtree(weights)
    program = f"""
        {indented(ANSWER)}
        from archsmith import AutoModel
        answer = numbers(AutoModel.from_pretrained({str(host)!r}, mmap=False))
        """
    assert run.python(program) == built


def test_maskformer_holds_it_too(run, tmp_path):
    """The project's own host, from its wheel, around the stranger's backbone; saved, and loaded in another process."""
    host = tmp_path / "host"
    answer = """
        import torch
        torch.manual_seed(5)
        pixels = torch.randn(2, 3, 64, 96)
        def numbers(model):
            with torch.no_grad():
                output = model.eval()(pixels)
            scores = (output.class_queries_logits, output.masks_queries_logits)
            return [[*each.shape, each.double().sum().item()] for each in scores]
        """
    built = run.python(f"""
        {answer}
        from archsmith import MaskFormerConfig, MaskFormerForInstanceSegmentation
        decoder = {{"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 3}}
        small = {{"decoder_config": decoder, "fpn_feature_size": 32, "mask_feature_size": 32, "num_labels": 4}}
        kwargs = {{"out_features": ["floor1", "floor2"]}}
        config = MaskFormerConfig(backbone="acme/pyramid-small", backbone_kwargs=kwargs, **small)
        model = MaskFormerForInstanceSegmentation(config)
        backbone = model.model.pixel_level_module.encoder
        answer = [numbers(model), type(backbone).__module__, backbone.channels]
        model.save_pretrained({str(host)!r})
        """)
    assert built[1:] == ["acme_pyramid.model", [4, 6]]
    assert [shape[:-1] for shape in built[0]] == [[2, 3, 5], [2, 3, 32, 48]]
    program = f"""
        {answer}
        from archsmith import AutoModelForInstanceSegmentation
        answer = numbers(AutoModelForInstanceSegmentation.from_pretrained({str(host)!r}, mmap=False))
        """
    assert run.python(program) == built[0]


def test_a_host_without_its_backbone_names_the_plugin(run, tmp_path):
    run.python(f"""
        from archsmith import MosaicConfig, MosaicModel
        MosaicModel(MosaicConfig(backbone="acme/pyramid-small")).save_pretrained({str(tmp_path / "host")!r})
        """)
    run.environment.pip("uninstall", "-y", "acme-pyramid")
    try:
        answer = run.python(f"""
            from archsmith import AutoModel
            from archsmith.errors import UnknownArchitecture
            try:
                AutoModel.from_pretrained({str(tmp_path / "host")!r})
            except UnknownArchitecture as error:
                answer = str(error)
            """)
    finally:
        run.environment.pip("install", "--no-deps", "--no-index", run.environment.late)
    assert answer == (
        "MosaicConfig.backbone_config needs model_type 'pyramid', which no installed plugin provides. "
        "The checkpoint says it was written by acme-pyramid 1.0. Installed: maskformer, maskformer-swin, mosaic."
    )


def indented(program):
    """Return a program that stands at the margin as part of one that does not."""
    return program.replace("\n", "\n        ")
