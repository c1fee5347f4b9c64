from archsmith.testing import ArchitectureConformance


class TestResNet(ArchitectureConformance):
    model_type = "resnet"
    tiny = {"embedding_size": 4, "hidden_sizes": [8, 12, 20], "depths": [1, 2, 1]}
