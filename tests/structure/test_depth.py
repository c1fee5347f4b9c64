"""How deep classes stand: a part is held, not inherited."""

import pytest

from archsmith_bert import BertTokenizer, BertTokenizerFast
from archsmith_wav2vec2 import Wav2Vec2CTCTokenizer


@pytest.mark.parametrize("cls", [BertTokenizer, BertTokenizerFast, Wav2Vec2CTCTokenizer])
def test_a_tokenizer_is_at_most_five_classes(cls):
    assert len(cls.__mro__) - 1 <= 5, [kind.__name__ for kind in cls.__mro__]
