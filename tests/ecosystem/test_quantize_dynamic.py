"""torch.ao.quantization.quantize_dynamic: 8 bits in the linear layers."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("name", "inputs"), [("bert", text_inputs()), ("distilbert", text_inputs()), ("vit", image_inputs())]
)
def test_quantize(name, inputs, request):
    pair = request.getfixturevalue(name)
    logits = []
    for model in (pair.ours, pair.theirs):
        small = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        assert type(small.classifier) is not torch.nn.Linear
        with torch.no_grad():
            logits.append(small(**inputs).logits)
    assert_close(*logits, "logits", 1e-4)


def test_saving_it_is_refused(bert, tmp_path):
    from archsmith import ArchsmithError

    small = torch.ao.quantization.quantize_dynamic(bert.ours, {torch.nn.Linear}, dtype=torch.qint8)
    with pytest.raises(ArchsmithError):
        small.save_pretrained(tmp_path)
    assert not any(tmp_path.glob("*.safetensors"))
