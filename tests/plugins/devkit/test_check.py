"""``archsmith check``."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

MASKFORMER = "archsmith-maskformer 0.2.0"


def test_it_runs_what_is_asked_for(installed):
    result = installed("check", "archsmith-vit", "--only", "presets_build", "--only", "files")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "PLUGIN               PART                    PASSED  FAILED  WAIVED\n"
        "archsmith-vit 0.2.0  architecture vit        1\n"
        "archsmith-vit 0.2.0  image processor of vit  1\n"
        "\n"
        "2 passed, 0 failed, 0 waived.\n"
    )


def test_short_names_and_one_plugin_named_twice(installed):
    result = installed("check", "vit", "Archsmith_ViT", "--only", "presets_build")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("\n1 passed, 0 failed, 0 waived.\n")


def test_a_plugin_by_its_model_type(installed):
    result = installed("check", "timm_wrapper", "maskformer-swin", "--explain", "--json")
    assert {check["plugin"] for check in result.data["checks"]} == {
        "archsmith-timm 0.2.0",
        "archsmith-maskformer 0.2.0",
    }


def test_a_strangers_plugin_by_its_model_type(archsmith, site):
    site.install("vis", distribution="acme-vision", manifest="import not_there\n")
    assert "acme-vision 1.0, architecture vis: usable" in archsmith("check", "vis").out


def test_it_says_what_it_has_come_to(installed):
    result = installed("check", "vit", "resnet", "--only", "files", "--json")
    assert result.data["passed"]
    assert result.err == "checking archsmith-vit 0.2.0 (1 of 2)\nchecking archsmith-resnet 0.2.0 (2 of 2)\n"


def test_waivers_show_with_their_reasons(installed):
    result = installed("check", "archsmith-maskformer", "--only", "gradients_reach_every_parameter")
    assert (result.code, result.err) == (0, "")
    assert (
        f"\nwaived  {MASKFORMER}, architecture maskformer-swin: gradients_reach_every_parameter\n"
        "  found   MaskFormerSwinBackbone: no output depends on model.layernorm.weight, model.layernorm.bias\n"
        "  waived  The last normalisation of Swin lies in the published checkpoints, behind the feature maps that are "
        "used.\n"
    ) in result.out
    assert result.out.endswith("\n\n0 passed, 0 failed, 2 waived.\n")


def test_what_fails_ends_with_code_1_and_the_remedy(installed):
    waiver = "presets_build=They are all from memory."
    result = installed("check", "archsmith-vit", "--only", "presets_build", "--waive", waiver)
    assert (result.code, result.err) == (1, "")
    assert result.out.endswith(
        "failed  archsmith-vit 0.2.0, architecture vit: presets_build\n"
        "  found   it passes: delete its waiver.\n"
        "  why     A preset is the first thing that a user tries: it must be a valid configuration.\n"
        "  fix     Correct the values of the preset in the manifest; its keys are fields of the configuration.\n"
        "\n"
        "0 passed, 1 failed, 0 waived.\n"
    )
    data = installed("check", "archsmith-vit", "--only", "presets_build", "--waive", waiver, "--json").data
    assert (data["passed"], data["counts"]) == (False, {"passed": 0, "failed": 1, "waived": 0})
    seconds = data["checks"][0].pop("seconds")
    assert 0 <= seconds < 60
    assert data["checks"] == [
        {
            "plugin": "archsmith-vit 0.2.0",
            "part": "architecture vit",
            "check": "presets_build",
            "why": "A preset is the first thing that a user tries: it must be a valid configuration.",
            "fix": "Correct the values of the preset in the manifest; its keys are fields of the configuration.",
            "state": "failed",
            "found": "it passes: delete its waiver.",
            "waiver": "They are all from memory.",
        }
    ]


def test_a_broken_plugin_is_told(archsmith, site):
    site.install("broken", manifest="import not_there\n")
    result = archsmith("check")
    assert result.code == 1
    assert "failed  toy-broken 1.0, architecture broken: usable\n" in result.out
    assert "No module named 'not_there'" in result.out


def test_explain(installed):
    result = installed("check", "archsmith-resnet", "--explain")
    assert (result.code, result.err) == (0, "")
    assert "For each image processor\n" in result.out
    assert result.out.count("  save_and_load\n") == 1
    listed = installed("check", "archsmith-bert", "--explain", "--json").data["checks"]
    assert not [check for check in listed if check["check"].startswith("backbone_")]
    assert {"plugin", "part", "check", "why", "fix"} == set(listed[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["archsmith-vitt"], "no installed plugin is called 'archsmith-vitt'. Installed: archsmith-bert,"),
        (
            ["archsmith-vit", "--only", "save_and_lode"],
            "is called 'save_and_lode'. Did you mean 'save_and_load'?",
        ),
        (["archsmith-vit", "--waive", "files"], "Invalid value for --waive: it is 'files'; expected CHECK=REASON."),
        (["archsmith-vit", "--waive", "files=no"], "waivers['files'] must say in 4 words or more why, but is 'no'."),
    ],
)
def test_mistakes(installed, arguments, said):
    result = installed("check", *arguments)
    assert result.code != 0
    assert said in result.err


def test_the_kit_checks_itself(archsmith):
    result = archsmith("check")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("\n\n4 passed, 0 failed, 0 waived.\n")


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_all_checks_and_leaves_nothing(tmp_path, number, code):
    """It is not taken for a fault of the check that runs just then."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "archsmith_cli", "check", "vit"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as checking:
        while not list(scratch.iterdir()) and checking.poll() is None:
            time.sleep(0.01)
        checking.send_signal(number)
        written = checking.communicate(timeout=60)
    assert (checking.returncode, *written) == (code, "", "")
    assert list(scratch.iterdir()) == []
