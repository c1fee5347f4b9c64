"""torchao: weights of 8 bits in the linear layers."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("name", "inputs"), [("bert", text_inputs()), ("vit", image_inputs())])
def test_quantize(name, inputs, request):
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    pair, logits = request.getfixturevalue(name), []
    for model in (pair.ours, pair.theirs):
        with torch.no_grad():
            before = model(**inputs).logits
            quantize_(model, Int8WeightOnlyConfig())
            logits.append(model(**inputs).logits)
            assert not torch.equal(logits[-1], before)
    assert_close(*logits, "logits", 1e-4)


def test_saving_it_is_refused(bert, tmp_path):
    """What cannot be written is refused, and leaves nothing behind."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    from archsmith import ArchsmithError

    quantize_(bert.ours, Int8WeightOnlyConfig())
    with pytest.raises(ArchsmithError, match="' is Int8Tensor, but safetensors files hold dense tensors"):
        bert.ours.save_pretrained(tmp_path)
    assert not any(tmp_path.glob("*.safetensors"))
