"""scikit-learn: our tokenizer as the analyzer of a vectorizer, embeddings as features."""

import pytest
import torch

from .support import make_pair, make_tokenizers

pytestmark = pytest.mark.long

TEXTS, LABELS = ["a good film", "bad", "the films was bad!", "good"], [1, 0, 0, 1]


def test_pipelines(vocabulary):
    from sklearn.base import clone
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    tokenizer, model = make_tokenizers(vocabulary)[0], make_pair("BertModel").ours

    def embed(texts):
        with torch.inference_mode():
            return model(**tokenizer(list(texts), padding=True, return_tensors="pt")).pooler_output.numpy()

    words = make_pipeline(CountVectorizer(analyzer=tokenizer.tokenize), LogisticRegression()).fit(TEXTS, LABELS)
    assert list(words.predict(TEXTS)) == LABELS
    vectors = clone(make_pipeline(FunctionTransformer(embed), LogisticRegression(C=1e4))).fit(TEXTS, LABELS)
    assert list(vectors.predict(TEXTS)) == LABELS
