from archsmith.testing import ArchitectureConformance


class TestViT(ArchitectureConformance):
    model_type = "vit"
    tiny = {
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 24,
        "image_size": 12,
        "patch_size": 4,
        "encoder_stride": 4,
    }
