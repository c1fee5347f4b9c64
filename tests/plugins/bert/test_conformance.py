from archsmith.testing import ArchitectureConformance


class TestBert(ArchitectureConformance):
    model_type = "bert"
    tiny = {
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 24,
        "vocab_size": 40,
        "max_position_embeddings": 12,
    }
