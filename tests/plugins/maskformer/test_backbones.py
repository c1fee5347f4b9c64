"""Every backbone in MaskFormer: named or built apart, with and without its weights, and a saved host."""

import json
import shutil
import socket
import threading
import warnings

import pytest
import safetensors.torch
import torch
from tests.core.test_hub import FIRST, Caller, Hub

from archsmith import (
    AutoModel,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerModel,
    ResNetBackbone,
    ResNetConfig,
    TimmBackbone,
    TimmBackboneConfig,
    ViTConfig,
)
from archsmith.errors import ConfigError, UnknownArchitecture
from archsmith.registry import registry
from archsmith_timm.library import import_timm

SMALL = {
    "decoder_config": {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 5},
    "fpn_feature_size": 32,
    "mask_feature_size": 16,
}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1], "layer_type": "basic"}
STRANGER = """
    import torch
    from torch import nn

    from archsmith import Backbone, BackboneConfig
    from archsmith.outputs import BackboneOutput


    class PoolsConfig(BackboneConfig):
        model_type = "pools"

        @property
        def stage_names(self):
            return ["half", "quarter"]


    class PoolsBackbone(Backbone):
        config_class = PoolsConfig
        stage_channels = [4, 4]
        stage_strides = [2, 4]

        def __init__(self, config):
            super().__init__(config)
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, pixel_values, *, output_hidden_states=None, output_attentions=None, return_dict=None):
            maps, hidden = [], self.conv(pixel_values)
            for _ in range(2):
                hidden = nn.functional.avg_pool2d(hidden, 2, ceil_mode=True)
                maps.append(hidden)
            return self.as_requested(BackboneOutput(self.select(maps)), return_dict)
    """


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    """Any attempt to open a socket in this process fails the test."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A local folder that has the name of a published backbone; its values are all its own."""
    torch.manual_seed(1)
    model = ResNetBackbone(ResNetConfig(**RESNET, out_features=["stage1", "stage3"]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    model.save_pretrained(tmp_path / "microsoft" / "resnet-50")
    monkeypatch.chdir(tmp_path)
    return model


def built(**choice):
    return MaskFormerForInstanceSegmentation(MaskFormerConfig(**SMALL, **choice))


def backbone_of(model):
    return model.model.pixel_level_module.encoder


def same_values(one, other):
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_named_backbone(published, pretrained, tmp_path):
    model = built(backbone="microsoft/resnet-50", use_pretrained_backbone=pretrained)
    assert same_values(published, backbone_of(model)) is pretrained
    assert model.config is model.model.config
    assert model.config.backbone is None
    assert model.config.backbone_config.hidden_sizes == [8, 12, 16]
    assert model.config.backbone_source == {
        "backbone": "microsoft/resnet-50",
        "use_pretrained_backbone": pretrained,
        "use_timm_backbone": False,
    }
    model.save_pretrained(tmp_path / "host")
    (tmp_path / "microsoft" / "resnet-50" / "model.safetensors").unlink()
    (tmp_path / "microsoft" / "resnet-50" / "config.json").unlink()
    again = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "host")
    assert same_values(model, again)
    assert again.config.backbone_source == model.config.backbone_source
    written = json.loads((tmp_path / "host" / "config.json").read_text())
    assert written["backbone_config"]["archsmith"]["plugin"] == "archsmith-resnet"


def test_a_preset_needs_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = built(backbone="microsoft/resnet-18", backbone_kwargs={"out_features": ["stage2", "stage4"]})
    assert backbone_of(model).channels == [128, 512]
    assert model.model.pixel_level_module.decoder.fpn.layers[0].proj[0].in_channels == 128


CHOSEN = {
    "ResNet, one map": lambda: ResNetConfig(**RESNET),
    "ResNet, three maps": lambda: ResNetConfig(**RESNET, out_indices=[1, 2, 3]),
    "ViT": lambda: ViTConfig(
        hidden_size=16, num_attention_heads=2, num_hidden_layers=3, intermediate_size=24, patch_size=8, image_size=32,
        out_indices=[1, 3],
    ),
    "Swin": lambda: {"model_type": "swin", "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 3},
    "timm": lambda: TimmBackboneConfig("resnet10t", use_pretrained_backbone=False, out_indices=[1, 3]),
    "MaskFormer's Swin": lambda: {
        "model_type": "maskformer-swin", "embed_dim": 8, "depths": [1, 2, 1], "num_heads": [1, 2, 4],
        "out_features": ["stage1", "stage3"],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_configuration_that_was_built_apart(kind, tmp_path):
    model = built(backbone_config=CHOSEN[kind]()).eval()
    pixels = torch.randn(2, 3, 50, 34)
    output = model(pixels, output_hidden_states=True)
    stride = backbone_of(model).strides[0]
    assert output.masks_queries_logits.shape[-2:] == (-(-50 // stride), -(-34 // stride))
    assert len(output.encoder_hidden_states) == len(output.pixel_decoder_hidden_states) + 1
    assert model.config.backbone_source == {}
    model.save_pretrained(tmp_path)
    again = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path)
    assert again.config == again.model.config
    assert torch.allclose(again(pixels).masks_queries_logits, output.masks_queries_logits, atol=1e-5)


def test_the_guide(published):
    config = MaskFormerConfig(backbone="microsoft/resnet-50", use_pretrained_backbone=True)
    model = MaskFormerForInstanceSegmentation(config)
    assert same_values(published, backbone_of(model))
    config = MaskFormerConfig(backbone="microsoft/resnet-50", use_pretrained_backbone=False)
    assert not same_values(published, backbone_of(MaskFormerForInstanceSegmentation(config)))
    config = MaskFormerConfig(backbone_config=ResNetConfig())
    model = MaskFormerForInstanceSegmentation(config)
    assert backbone_of(model).channels == [2048]
    config = MaskFormerConfig(backbone="resnet50", use_pretrained_backbone=False, use_timm_backbone=True)
    model = MaskFormerForInstanceSegmentation(config)
    assert type(backbone_of(model)) is TimmBackbone
    backbone_config = TimmBackboneConfig("resnet50", use_pretrained_backbone=False)
    backbone = TimmBackbone(config=backbone_config)
    model = MaskFormerForInstanceSegmentation(MaskFormerConfig(backbone_config=backbone_config))
    assert backbone_of(model).channels == backbone.channels == [2048]


def test_a_strangers_backbone(site, tmp_path):
    site.install(
        "pools",
        manifest="""
            from archsmith.plugin import Architecture, hookimpl

            @hookimpl
            def architectures():
                models = {"backbone": "toy_pools.all:PoolsBackbone"}
                yield Architecture(model_type="pools", config="toy_pools.all:PoolsConfig", models=models)
            """,
    )
    site.write("toy_pools/all.py", STRANGER)
    site.declare(
        "archsmith-maskformer",
        architectures=dict.fromkeys(("maskformer", "maskformer-swin"), "archsmith_maskformer.plugin"),
    )
    registry.refresh()
    try:
        model = built(backbone_config={"model_type": "pools", "out_features": ["half", "quarter"]})
        model.save_pretrained(tmp_path / "host")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the heads are left over
            again = AutoModel.from_pretrained(tmp_path / "host")
        assert type(again) is MaskFormerModel
        pixels = torch.randn(1, 3, 21, 30)
        assert again(pixels).pixel_decoder_last_hidden_state.shape == (1, 16, 11, 15)
        with pytest.raises(UnknownArchitecture) as caught:
            MaskFormerConfig(backbone_config={"model_type": "resnet"})
        assert str(caught.value) == (
            "MaskFormerConfig.backbone_config needs model_type 'resnet', which no installed plugin provides. "
            "Run: pip install archsmith-resnet"
        )
    finally:
        registry.refresh()


def test_a_new_choice_takes_the_place_of_the_old_one(published, tmp_path):
    config = MaskFormerConfig(backbone="microsoft/resnet-50", use_pretrained_backbone=True)
    config.backbone_config = ResNetConfig(**RESNET)
    assert (config.backbone, config.use_pretrained_backbone) == (None, False)
    config.update(backbone="microsoft/resnet-50", use_pretrained_backbone=True)
    assert config.backbone_config is None
    built(backbone_config=ResNetConfig(**RESNET)).save_pretrained(tmp_path)
    config = MaskFormerConfig.from_pretrained(tmp_path, backbone="microsoft/resnet-18")
    assert (config.backbone, config.backbone_config) == ("microsoft/resnet-18", None)
    assert MaskFormerConfig(backbone=None).backbone_config.model_type == "swin"
    with pytest.raises(ConfigError) as caught:
        MaskFormerConfig(backbone="microsoft/resnet-50", backbone_config=ResNetConfig())
    assert str(caught.value) == (
        "MaskFormerConfig: backbone is 'microsoft/resnet-50', but must be null: backbone_config chooses one; "
        "give one of them."
    )


def test_a_backbone_from_the_hub_is_fetched_once(published, tmp_path):
    hub = Hub()
    hub.commits[FIRST] = tmp_path / "microsoft" / "resnet-50"
    thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    call = Caller(hub, tmp_path)
    code = f"""
        from archsmith import MaskFormerConfig, MaskFormerForInstanceSegmentation
        for pretrained in (False, True):
            config = MaskFormerConfig(backbone="toys/small", use_pretrained_backbone=pretrained, **{SMALL!r})
            model = MaskFormerForInstanceSegmentation(config)
            print(model.model.pixel_level_module.encoder.embedder.embedder.convolution.weight.abs().sum().item())
        model.save_pretrained("host")
        """
    loading = """
        from archsmith import MaskFormerForInstanceSegmentation
        model = MaskFormerForInstanceSegmentation.from_pretrained("host")
        print(model.model.pixel_level_module.encoder.embedder.embedder.convolution.weight.abs().sum().item())
        print(model.config.backbone_source)
        """
    try:
        fresh, found = call(code)
        weight = published.get_parameter("embedder.embedder.convolution.weight")
        assert float(found) == pytest.approx(weight.abs().sum().item(), rel=1e-4)
        assert float(fresh) != pytest.approx(float(found), rel=0.1)
        asked = [path.rpartition("/")[2] for method, path, _ in hub.requests if method == "GET"]
        assert asked == ["config.json", "model.safetensors"]
        hub.requests.clear()
        again, source = call(loading)
        assert again == found
        assert eval(source)["backbone"] == "toys/small"
        assert hub.requests == []
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


def test_timms_weights_come_from_the_cache_of_the_hub(tmp_path):
    """As after a download: timm finds its weights without the network, and the saved host does not look for them."""
    torch.manual_seed(2)
    model = import_timm().create_model("resnet10t")
    repository = tmp_path / "cache" / "hub" / "models--timm--resnet10t.c3_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(FIRST)
    (repository / "snapshots" / FIRST).mkdir(parents=True)
    safetensors.torch.save_file(model.state_dict(), repository / "snapshots" / FIRST / "model.safetensors")
    hub = Hub()
    hub.server_close()  # nobody answers at its address
    call = Caller(hub, tmp_path)
    code = f"""
        from archsmith import MaskFormerConfig, MaskFormerForInstanceSegmentation
        options = {{"backbone": "resnet10t", "use_timm_backbone": True, **{SMALL!r}}}
        for pretrained in (True, False):
            model = MaskFormerForInstanceSegmentation(MaskFormerConfig(use_pretrained_backbone=pretrained, **options))
            print(next(model.model.pixel_level_module.encoder.parameters()).abs().sum().item())
            model.save_pretrained(f"host-{{pretrained}}")
        """
    loading = """
        from archsmith import MaskFormerForInstanceSegmentation
        for pretrained in (True, False):
            model = MaskFormerForInstanceSegmentation.from_pretrained(f"host-{pretrained}")
            print(next(model.model.pixel_level_module.encoder.parameters()).abs().sum().item())
            print(model.config.backbone_source["use_pretrained_backbone"])
        """
    found, fresh = call(code)
    assert float(found) == pytest.approx(next(model.parameters()).abs().sum().item(), rel=1e-4)
    assert fresh != found
    shutil.rmtree(tmp_path / "cache")
    assert call(loading) == [found, "True", fresh, "False"]
