import json

import pytest

from archsmith.testing import FeatureExtractorConformance, ProcessorConformance
from archsmith_wav2vec2 import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor


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
