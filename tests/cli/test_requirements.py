"""``archsmith plugins --requirements`` and ``archsmith inspect CHECKPOINT --requirements``."""

import json

import pytest
from packaging.requirements import Requirement

from archsmith import AutoConfig, AutoModelForInstanceSegmentation, MaskFormerConfig, ResNetConfig, Wav2Vec2Config


def test_what_is_installed(archsmith, toy, site):
    lines = archsmith("plugins", "--requirements").out.splitlines()
    pins = [line.partition("  #")[0] for line in lines]
    assert "toy-toy==1.0" in pins
    assert "archsmith==0.1.0" in pins
    assert "archsmith-cli==0.1.0" in pins


def test_each_line_is_for_pip(installed):
    result = installed("plugins", "--requirements")
    assert (result.code, result.err) == (0, "")
    found = {}
    for line in result.out.splitlines():
        requirement = Requirement(line.partition("  #")[0])
        found[requirement.name] = str(requirement.specifier)
    assert found["archsmith-vit"] == "==0.1.0"
    assert {"archsmith", "archsmith-cli", "archsmith-bert", "archsmith-timm"} <= found.keys()
    data = installed("plugins", "--requirements", "--json").data["requirements"]
    assert [row["requirement"].partition("==")[0] for row in data] == list(found)


def test_a_checkpoint_and_its_nested_parts(installed, tmp_path):
    backbone = ResNetConfig(depths=[1, 1, 1, 1], hidden_sizes=[8] * 4, embedding_size=8, layer_type="basic")
    decoder = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 3}
    config = MaskFormerConfig(backbone_config=backbone, decoder_config=decoder, fpn_feature_size=32)
    AutoModelForInstanceSegmentation.from_config(config).save_pretrained(tmp_path)
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.err) == (0, "")
    assert result.out == "archsmith==0.1.0\narchsmith-maskformer==0.1.0\narchsmith-resnet==0.1.0\n"


def write(folder, **files):
    for name, values in files.items():
        (folder / f"{name}.json").write_text(json.dumps(values))


def stamp(plugin, version, core="0.1.0"):
    return {"archsmith": {"version": core, "plugin": plugin, "plugin_version": version}}


def test_the_highest_of_several_versions(installed, tmp_path):
    write(
        tmp_path,
        config={"model_type": "acme", **stamp("acme-a", "1.2"), "part": stamp("acme-b", "3", core="0.2")},
        preprocessor_config=stamp("Acme_A", "1.10"),
    )
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "acme-a==1.10  # 'config.json' has 1.2\n"
        "acme-b==3\n"
        "archsmith==0.2  # 'config.json', 'preprocessor_config.json' has 0.1.0\n"
    )


def test_a_checkpoint_of_another_library(installed, tmp_path):
    Wav2Vec2Config().save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    del values["archsmith"]
    write(tmp_path, config=values)
    assert type(AutoConfig.from_pretrained(tmp_path)) is Wav2Vec2Config
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (
        0,
        "archsmith-wav2vec2  # 'config.json' has the model_type 'wav2vec2' and does not say who wrote it\n",
    )
    write(tmp_path, config={"model_type": "unheard-of"})
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (
        1,
        "# 'config.json' has the model_type 'unheard-of', which no plugin that is installed or known provides\n",
    )


@pytest.mark.parametrize(
    ("plugin", "version"),
    [
        ("--index-url=evil", "1"),
        ("acme\n--extra-index-url evil", "1"),
        ("acme @ git+evil", "1"),
        ("acme", "1\nevil"),
        ("acme", "1; evil"),
        ("acme", None),
        ({"a": 1}, "1"),
        ("", "1"),
    ],
)
def test_no_line_is_smuggled_in(installed, tmp_path, plugin, version):
    write(tmp_path, config={"model_type": "acme", **stamp(plugin, version)})
    result = installed("inspect", tmp_path, "--requirements")
    assert result.code == 1
    first, second = result.out.splitlines()
    assert first == "archsmith==0.1.0"
    assert second.startswith("# config.json names a plugin ")


def test_a_folder_without_a_checkpoint(installed, tmp_path):
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (1, "")
    assert "has no file 'config.json'" in result.err
