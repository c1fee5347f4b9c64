"""The reference library: imported offline and quiet, also where torchvision does not fit this torch."""

import importlib
import os
import sys
import warnings

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

__all__ = ["transformers"]


def _import_torchvision() -> object:
    """Import torchvision, which the reference does too, beside a torch without CUDA; return what must stay alive.

    Two operators that its compiled part would bring must be declared there, and must not be where they exist.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    else:
        return None
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    importlib.import_module("torchvision")
    return library


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the libraries that the reference imports
    _operators = _import_torchvision()
    import transformers  # the reference that the numbers are held against

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
