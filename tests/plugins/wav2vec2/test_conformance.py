import json

import pytest
import torch

from archsmith.testing import ArchitectureConformance, FeatureExtractorConformance, ProcessorConformance
from archsmith_wav2vec2 import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor


class TestWav2Vec2(ArchitectureConformance):
    model_type = "wav2vec2"
    tiny = {
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 24,
        "conv_dim": [8, 8, 8],
        "conv_stride": [5, 2, 2],
        "conv_kernel": [10, 3, 2],
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "codevector_dim": 8,
        "proj_codevector_dim": 8,
        "num_codevectors_per_group": 5,
        "tdnn_dim": [8, 8],
        "tdnn_kernel": [3, 2],
        "tdnn_dilation": [1, 2],
        "xvector_output_dim": 8,
        "classifier_proj_size": 8,
        "mask_time_prob": 0.0,
    }

    def inputs(self, model):
        input_values = torch.randn(2, 600, generator=torch.Generator().manual_seed(0))
        attention_mask = torch.ones(2, 600, dtype=torch.long)
        attention_mask[1, 400:] = 0
        return {"input_values": input_values, "attention_mask": attention_mask}


class TestFeatureExtractor(FeatureExtractorConformance):
    extractor_class = Wav2Vec2FeatureExtractor


class TestProcessor(ProcessorConformance):
    @pytest.fixture(autouse=True)
    def vocabulary(self, tmp_path):
        self.path = tmp_path / "letters.json"
        self.path.write_text(json.dumps({"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "CH": 6}))

    def processor(self):
        return Wav2Vec2Processor(
            feature_extractor=Wav2Vec2FeatureExtractor(padding_value=1.0), tokenizer=Wav2Vec2CTCTokenizer(self.path)
        )
