from archsmith.testing import ArchitectureConformance


class TestTimmBackbone(ArchitectureConformance):
    model_type = "timm_backbone"
    tiny = {"backbone": "test_resnet", "out_indices": [1, -1]}


class TestTimmWrapper(ArchitectureConformance):
    model_type = "timm_wrapper"
    tiny = {"architecture": "test_resnet", "num_labels": 3}
