"""timm is imported when it is wanted, beside any torch, and once."""

import subprocess
import sys
import textwrap

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_configurations_need_neither_timm_nor_torch():
    lines = run(
        """
        import sys
        from archsmith import AutoConfig, TimmBackboneConfig, TimmWrapperConfig
        print(AutoConfig.from_dict({"architecture": "x", "num_classes": 1000, "pretrained_cfg": {}}).id2label[1])
        print(TimmBackboneConfig("resnet18").out_indices, TimmWrapperConfig().num_labels)
        print({"torch", "torchvision", "timm", "numpy"} & set(sys.modules))
        """
    )
    assert lines == ["goldfish, Carassius auratus", "[-1] 2", "set()"]


def test_several_threads_import_it_once():
    lines = run(
        """
        import threading
        from archsmith import TimmBackbone, TimmBackboneConfig
        built, start = [], threading.Barrier(4)
        def build():
            start.wait()
            built.append(TimmBackbone(TimmBackboneConfig("test_resnet")))
        threads = [threading.Thread(target=build) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        import torchvision.ops, timm
        print(len(built), torchvision.ops.nms.__name__, timm.__name__)
        """
    )
    assert lines == ["4 nms timm"]


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_library_that_is_not_there(library):
    (line,) = run(
        f"""
        import sys
        sys.modules["{library}"] = None
        from archsmith import TimmBackbone, TimmBackboneConfig
        from archsmith.errors import MissingDependency
        try:
            TimmBackbone(TimmBackboneConfig("test_resnet"))
        except MissingDependency as error:
            print(error.library, error)
        """
    )
    assert line == (
        f"{library} timm's models need the library {library}, which cannot be imported (ModuleNotFoundError: import "
        f"of {library} halted; None in sys.modules). Run: pip install {library}"
    )


@pytest.mark.parametrize("library", ["torchvision", "timm"])
@pytest.mark.parametrize("text", ["", "1 / 0"])
def test_a_file_of_the_name_of_a_library(tmp_path, library, text):
    (tmp_path / f"{library}.py").write_text(text)
    (line,) = run(
        f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from archsmith import TimmBackbone, TimmBackboneConfig
        from archsmith.errors import MissingDependency
        try:
            TimmBackbone(TimmBackboneConfig("test_resnet"))
        except MissingDependency as error:
            print(error)
        """
    )
    file = str(tmp_path / f"{library}.py")
    assert line.startswith(f"timm's models need the library {library}, ")
    assert (
        "cannot be imported (ZeroDivisionError: division by zero)" in line
        if text
        else f"was imported from {file!r}, which is not it" in line
    )
