from archsmith.testing import ArchitectureConformance


class TestDistilBert(ArchitectureConformance):
    model_type = "distilbert"
    tiny = {"dim": 16, "n_heads": 2, "n_layers": 2, "hidden_dim": 24, "vocab_size": 40, "max_position_embeddings": 12}
