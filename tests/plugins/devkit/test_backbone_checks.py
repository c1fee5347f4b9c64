"""The conformance kit finds what is wrong with a backbone: backbones with one fault each do not pass."""

import dataclasses

import pytest
import torch

from archsmith import ResNetBackbone, ResNetConfig
from archsmith_devkit import ArchitectureConformance

TINY = {"embedding_size": 2, "hidden_sizes": [4, 6], "depths": [1, 1], "layer_type": "basic"}


class Coarser(ResNetBackbone):
    stage_strides = [4, 8, 16]


class TooFewChannels(ResNetBackbone):
    stage_channels = [2, 4]


class Changed(ResNetBackbone):
    """ResNet with something done to its output."""

    def forward(self, pixel_values, **options):
        output = super().forward(pixel_values, **{**options, "return_dict": True})
        changed = dataclasses.replace(output, **self.change(output))
        return self.as_requested(changed, options.get("return_dict"))


class LostEdge(Changed):
    def change(self, output):
        return {"feature_maps": tuple(each[..., :-1] for each in output.feature_maps)}


class RoundsDown(ResNetBackbone):
    """Leaves out what is left of an image that does not divide, as the published ConvNeXt does."""

    def forward(self, pixel_values, **options):
        output = super().forward(pixel_values, **{**options, "return_dict": True})
        height, width = pixel_values.shape[-2:]
        maps = zip(output.feature_maps, self.strides, strict=True)
        cut = tuple(each[..., : height // stride, : width // stride] for each, stride in maps)
        return self.as_requested(dataclasses.replace(output, feature_maps=cut), options.get("return_dict"))


class Backwards(Changed):
    def change(self, output):
        return {"feature_maps": output.feature_maps[::-1]}


class Detached(Changed):
    def change(self, output):
        return {"feature_maps": (*output.feature_maps[:-1], output.feature_maps[-1].detach().requires_grad_())}


class Float32Outside(Changed):
    def change(self, output):
        return {"feature_maps": tuple(each.float() for each in output.feature_maps)}


class Talkative(Changed):
    def change(self, output):
        return {"hidden_states": output.feature_maps}


class Silent(Changed):
    def change(self, output):
        return {"hidden_states": None}


class AlwaysAll(ResNetBackbone):
    def select(self, stages):
        return tuple(stages)


class OneOfThem(ResNetBackbone):
    def select(self, stages):
        return tuple(stages[-1:]) if len(self.out_indices) == 1 else super().select(stages)


class Undeclared(ResNetBackbone):
    """Another class than the manifest names."""


class Greedy(ResNetBackbone):
    def forward(self, pixel_values, **options):
        return super().forward(torch.as_tensor(pixel_values).float(), **options)


class Forgetful(ResNetConfig):
    model_type = "resnet"

    @classmethod
    def from_dict(cls, values, /, **options):
        return super().from_dict({name: value for name, value in values.items() if "out_" not in name}, **options)


class Forgetting(ResNetBackbone):
    config_class = Forgetful


def conformance(model):
    class Conformance(ArchitectureConformance):
        model_type = "resnet"

        def built(self):
            return [model(model.config_class(**TINY)).eval()]

    return Conformance()


@pytest.mark.parametrize(
    ("check", "model", "message"),
    [
        ("knows_its_stages", TooFewChannels, r"TooFewChannels.stage_channels has 2 numbers for 3 stages"),
        (
            "feature_maps_have_their_shapes",
            Coarser,
            (
                r"Coarser: the feature map of 'stage1' for images of 32 x 32 \(height x width\) is \(2, 4, 8, 8\); "
                r"expected \(2, 4, 4, 4\), by stage_channels 4 and stage_strides 8"
            ),
        ),
        ("feature_maps_have_their_shapes", LostEdge, r"LostEdge: the feature map of 'stem'"),
        ("feature_maps_have_their_shapes", Backwards, r"Backwards: the feature map of 'stem'"),
        ("stages_follow_each_other", Backwards, r"Backwards: the feature map of 'stage1' depends on no weight that"),
        ("gives_the_chosen_stages", AlwaysAll, r"AlwaysAll with {'out_features': \['stem'\]} gives 3 feature maps"),
        ("gives_the_chosen_stages", OneOfThem, r"OneOfThem with {'out_features': \['stem'\]}: stem is torch.Size"),
        ("configuration_keeps_the_choice", Forgetting, r"Forgetful changed on its way through JSON"),
        ("returns_what_is_asked_for", Talkative, r"Talkative returns hidden states that nobody asked for"),
        ("returns_what_is_asked_for", Silent, r"Silent returns no hidden states where they are asked for"),
        (
            "keeps_to_its_type",
            Float32Outside,
            r"Float32Outside in torch.bfloat16 gives feature maps of {torch.float32}",
        ),
        ("learns_from_each_feature_map", Detached, r"Detached: no gradient of 'stage2' reaches a parameter"),
        ("comes_back_from_files", Undeclared, r"AutoBackbone gave ResNetBackbone, not Undeclared"),
        ("fits_into_a_host", Undeclared, r"a host got ResNetBackbone, not Undeclared"),
        ("refuses_what_is_no_image", Greedy, r"Greedy takes bytes"),
    ],
)
def test_a_fault_is_found(check, model, message):
    with pytest.raises(AssertionError, match=message):
        getattr(conformance(model), f"test_backbone_{check}")()


def test_the_same_checks_pass_without_the_fault():
    checks = [name for name in dir(ArchitectureConformance) if name.startswith("test_backbone_")]
    assert len(checks) == 12
    for name in checks:
        getattr(conformance(ResNetBackbone), name)()


def test_maps_may_be_rounded_down():
    odd = RoundsDown(ResNetConfig(**TINY, out_features=["stem", "stage2"]))
    assert [tuple(each.shape[-2:]) for each in odd(torch.zeros(1, 3, 45, 61)).feature_maps] == [(11, 15), (5, 7)]
    conformance(RoundsDown).test_backbone_feature_maps_have_their_shapes()


def test_an_architecture_without_a_backbone_has_none_to_check():
    class Conformance(ArchitectureConformance):
        model_type = "distilbert"
        tiny = {"dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 8, "vocab_size": 20}

    assert list(Conformance().backbones()) == []
