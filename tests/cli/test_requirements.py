"""``archsmith plugins --requirements`` and ``archsmith inspect CHECKPOINT --requirements``."""

import json

import pytest
from packaging.requirements import Requirement

from archsmith import AutoConfig, AutoModelForInstanceSegmentation, MaskFormerConfig, ResNetConfig, Wav2Vec2Config

UNKNOWN = "neither installed nor known to archsmith; look at it before you install it"


def test_what_is_installed(archsmith, toy, site):
    lines = archsmith("plugins", "--requirements").out.splitlines()
    pins = [line.partition("  #")[0] for line in lines]
    assert "toy-toy==1.0" in pins
    assert "archsmith==0.2.0" in pins
    assert "archsmith-cli==0.2.0" in pins


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (
            {"url": "file:///home/me/acme", "dir_info": {"editable": True}},
            "toy-toy==1.0  # editable: toy-toy @ file:///home/me/acme",
        ),
        (
            {"url": "file:///wheels/toy_toy-1.0.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "toy-toy==1.0  # toy-toy @ file:///wheels/toy_toy-1.0.whl",
        ),
        (
            {"url": "https://example.org/toy_toy-1.0.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "toy-toy @ https://example.org/toy_toy-1.0.whl#sha256=ab",
        ),
        (
            {
                "url": "https://example.org/toys.git",
                "subdirectory": "toy",
                "vcs_info": {"vcs": "git", "commit_id": "0a1b"},
            },
            "toy-toy @ git+https://example.org/toys.git@0a1b#subdirectory=toy",
        ),
        (
            {"url": "ssh://example.org/toys", "vcs_info": {"vcs": "hg", "commit_id": "0a1b\n--pre"}},
            r"toy-toy==1.0  # installed from 'hg+ssh://example.org/toys@0a1b\n--pre'",
        ),
        ({"url": "https://example.org/a b"}, "toy-toy==1.0  # installed from 'https://example.org/a b'"),
        ({"url": "https://e\n--index-url evil"}, "toy-toy==1.0  # installed from 'https://e\\n--index-url evil'"),
        ({"url": 3}, "toy-toy==1.0"),
        ([], "toy-toy==1.0"),
        ("not JSON", "toy-toy==1.0"),
    ],
)
def test_where_an_installation_is_from(process, toy, site, origin, line):
    """As PEP 610 records it. What lies on this machine is pinned; anything else is named as it was installed."""
    text = origin if isinstance(origin, str) else json.dumps(origin)
    (site.root / "toy_toy-1.0.dist-info" / "direct_url.json").write_text(text)
    done = process("plugins", "--requirements")
    assert (done.returncode, done.stderr) == (0, "")
    assert [each for each in done.stdout.splitlines() if "toy-toy" in each] == [line]
    assert Requirement(line.partition("  #")[0])


def test_what_pip_could_not_install(archsmith, toy, site):
    site.declare("toy-odd", version="of today", architectures={"odd": "toy_odd.plugin"}, folder="toy_odd.dist-info")
    result = archsmith("plugins", "--requirements")
    assert result.code == 1
    assert result.out.splitlines()[-2:] == [
        "toy-toy==1.0",
        "# 'toy-odd' '(unknown version)' is installed, but that is not a name and version for pip",
    ]


def test_each_line_is_for_pip(installed):
    result = installed("plugins", "--requirements")
    assert (result.code, result.err) == (0, "")
    found = {}
    for line in result.out.splitlines():
        requirement = Requirement(line.partition("  #")[0])
        found[requirement.name] = str(requirement.specifier)
    assert found["archsmith-vit"] == "==0.2.0"
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
    assert result.out == "archsmith==0.2.0\narchsmith-maskformer==0.2.0\narchsmith-resnet==0.2.0\n"


def write(folder, **files):
    for name, values in files.items():
        (folder / f"{name}.json").write_text(json.dumps(values))


def stamp(plugin, version, core="0.2.0"):
    return {"archsmith": {"version": core, "plugin": plugin, "plugin_version": version}}


def test_the_highest_of_several_versions(installed, tmp_path):
    write(
        tmp_path,
        config={"model_type": "acme", **stamp("acme-a", "1.2"), "part": stamp("acme-b", "3", core="0.3")},
        preprocessor_config=stamp("Acme_A", "1.10"),
    )
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"acme-a==1.10  # {UNKNOWN}; 'config.json' has 1.2\n"
        f"acme-b==3  # {UNKNOWN}\n"
        "archsmith==0.3  # 'config.json', 'preprocessor_config.json' has 0.2.0\n"
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
    maskformer = {"model_type": "maskformer", "decoder_config": {"model_type": "detr"}}
    write(tmp_path, config={**maskformer, "backbone_config": {"model_type": "maskformer-swin"}})
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (
        0,
        "archsmith-maskformer  # 'config.json' has the model_type 'maskformer' and does not say who wrote it\n",
    )
    write(tmp_path, config={**maskformer, "backbone_config": {"model_type": "resnet"}, "also": [{"model_type": "vit"}]})
    out = installed("inspect", tmp_path, "--requirements").out
    assert [line.partition("  #")[0] for line in out.splitlines()] == [
        "archsmith-maskformer",
        "archsmith-resnet",
        "archsmith-vit",
    ]
    write(tmp_path, config={"architecture": "resnet50", "pretrained_cfg": {}, "num_classes": 10})
    assert installed("inspect", tmp_path, "--requirements").out.startswith("archsmith-timm  # 'config.json' has the ")
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
    assert first == "archsmith==0.2.0"
    assert second.startswith("# 'config.json' names a plugin ")


@pytest.mark.parametrize("key", ["a\n--index-url evil #", "a\r--index-url evil", "a\u2028b", "a\x85b", "a\x0bb"])
@pytest.mark.parametrize("part", [stamp("-", "1"), stamp("acme", "1"), {"model_type": "unheard-of"}])
def test_no_key_smuggles_a_line_in(installed, tmp_path, key, part):
    write(tmp_path, config={"model_type": "bert", **stamp("acme", "2"), "inner": [{key: part}]})
    out = installed("inspect", tmp_path, "--requirements").out
    assert all(line.startswith(("#", "acme==2", "archsmith==0.2.0")) for line in out.splitlines())
    assert len(out.splitlines()) == out.count("\n") == (2 if part == stamp("acme", "1") else 3)


def test_a_checkpoint_that_says_nothing(installed, tmp_path):
    write(tmp_path, preprocessor_config={"image_processor_type": "NobodysImageProcessor"})
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (1, "# preprocessor_config.json says neither who wrote it nor a model_type\n")


def test_a_known_plugin_that_is_not_installed(archsmith, tmp_path):
    write(tmp_path, config={"model_type": "vit"})
    result = archsmith("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (
        0,
        "archsmith-vit  # 'config.json' has the model_type 'vit' and does not say who wrote it\n",
    )


def test_a_folder_without_a_checkpoint(installed, tmp_path):
    result = installed("inspect", tmp_path, "--requirements")
    assert (result.code, result.out) == (1, "")
    assert "has no file 'config.json'" in result.err
