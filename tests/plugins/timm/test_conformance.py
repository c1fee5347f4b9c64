from archsmith.testing import ArchitectureConformance


class TestTimmBackbone(ArchitectureConformance):
    model_type = "timm_backbone"
    tiny = {"backbone": "test_resnet", "out_indices": [1, -1]}
