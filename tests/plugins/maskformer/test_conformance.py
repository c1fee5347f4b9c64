import torch

from archsmith.testing import ArchitectureConformance

SWIN = {"embed_dim": 8, "depths": [1, 2], "num_heads": [1, 2], "window_size": 4, "image_size": 32}


class TestMaskFormer(ArchitectureConformance):
    model_type = "maskformer"
    tiny = {
        "backbone_config": {"model_type": "swin", **SWIN},
        "decoder_config": {"d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2, "num_queries": 5},
        "fpn_feature_size": 32,
        "mask_feature_size": 16,
    }

    def inputs(self, model):
        return {"pixel_values": torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))}


class TestMaskFormerSwin(ArchitectureConformance):
    model_type = "maskformer-swin"
    tiny = {**SWIN, "out_features": ["stage1", "stage2"]}

    def inputs(self, model):
        return {"pixel_values": torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))}
