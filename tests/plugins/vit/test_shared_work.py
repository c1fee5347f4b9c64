"""What a ViT has from the base of all models: heads are pruned, layers checkpointed, hosts find it as a backbone."""

import pytest
import torch

from archsmith import BackboneHostConfig, ViTBackbone, ViTConfig, ViTForImageClassification
from archsmith.backbone import load_backbone
from archsmith.errors import InputError, OptionError

TINY = {
    "hidden_size": 16,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "image_size": 12,
    "patch_size": 4,
}
PIXELS = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


class HostConfig(BackboneHostConfig):
    model_type = "host-of-vit"


def classifier():
    torch.manual_seed(0)
    return ViTForImageClassification(ViTConfig(**TINY)).eval()


def test_heads_are_pruned(tmp_path):
    model = classifier()
    with torch.no_grad():
        for layer, head in ((0, 1), (0, 3), (1, 0)):  # a head whose output counts for nothing
            model.vit.encoder.layer[layer].attention.output.dense.weight[:, 4 * head : 4 * head + 4] = 0
    before = model(PIXELS).logits
    model.prune_heads({0: [1, 3], 1: [0]})
    output = model(PIXELS, output_attentions=True)
    assert [tuple(maps.shape) for maps in output.attentions] == [(2, 2, 10, 10), (2, 3, 10, 10)]
    assert torch.allclose(output.logits, before, atol=1e-6)
    model.save_pretrained(tmp_path)
    loaded = ViTForImageClassification.from_pretrained(tmp_path)
    assert torch.allclose(loaded(PIXELS).logits, output.logits, atol=1e-6)


def test_gradients_are_the_same_with_less_memory():
    gradients = []
    for saves_memory in (False, True):
        model = classifier().train()
        if saves_memory:
            model.gradient_checkpointing_enable()
        model(PIXELS, labels=torch.tensor([0, 1])).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def test_there_are_no_tokens_to_resize():
    with pytest.raises(
        OptionError, match=r"^ViTForImageClassification has no token embeddings: it takes pixel_values\."
    ):
        classifier().resize_token_embeddings(5)


def test_patches_are_the_input_embeddings():
    """As in the reference: adapters and gradient checkpointing of other tools ask for them."""
    model, other = classifier(), classifier()
    embeddings = model.get_input_embeddings()
    assert embeddings is model.vit.embeddings.patch_embeddings is model.vit.get_input_embeddings()
    torch.nn.init.zeros_(embeddings.projection.weight)
    other.set_input_embeddings(embeddings)
    assert other.get_input_embeddings() is embeddings
    assert torch.equal(other(PIXELS).logits, other(PIXELS * 2).logits)  # nothing of the images is left


@pytest.mark.parametrize("wrong", [torch.nn.Linear(3, 16), torch.nn.Conv2d(3, 16, 4), None])
def test_patches_of_another_shape_are_no_input_embeddings(wrong):
    with pytest.raises(InputError, match=r"the input embeddings must have the parameters \{'projection.weight'"):
        classifier().set_input_embeddings(wrong)


def test_hosts_find_it_by_the_name_of_a_preset():
    backbone = load_backbone(HostConfig(backbone="facebook/dino-vits16", backbone_kwargs=TINY))
    assert type(backbone) is ViTBackbone
    assert (backbone.channels, backbone.strides, backbone.out_features) == ([16], [4], ["stage2"])
    backbone = load_backbone(HostConfig(backbone_config=ViTConfig(**TINY, out_indices=[1, 2])))
    assert [tuple(features.shape) for features in backbone(PIXELS).feature_maps] == [(2, 16, 3, 3)] * 2
