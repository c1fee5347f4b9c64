"""pickle, cloudpickle, dill, joblib and copy: every kind of object comes back the same."""

import copy
import pickle

import pytest
import torch

from .support import EVERY_MODEL, SIDES, make_pair, make_tokenizers, small_model, tensors_in, text_inputs

pytestmark = pytest.mark.long


def libraries():
    import cloudpickle
    import dill

    return {"pickle": pickle, "cloudpickle": cloudpickle, "dill": dill}


@pytest.mark.parametrize("name", ["pickle", "cloudpickle", "dill", "copy", "joblib"])
def test_round_trip(name, vocabulary, tmp_path):
    def passed(value):
        if name == "copy":
            return copy.deepcopy(value)
        if name == "joblib":
            import joblib

            joblib.dump(value, tmp_path / "value.joblib")
            return joblib.load(tmp_path / "value.joblib")
        library = libraries()[name]
        return library.loads(library.dumps(value))

    model, tokenizer = make_pair("BertForMaskedLM").ours, make_tokenizers(vocabulary)[0]
    again = passed(model)
    assert again.cls.predictions.decoder.weight is again.bert.embeddings.word_embeddings.weight
    output = model(**text_inputs())
    torch.testing.assert_close(again(**text_inputs()).logits, output.logits)
    assert passed(model.config) == model.config
    assert passed(tokenizer)("a good film")["input_ids"] == tokenizer("a good film")["input_ids"]
    assert passed(tokenizer("a good film")).word_ids() == tokenizer("a good film").word_ids()
    processor = SIDES["ours"].ViTImageProcessor()
    assert passed(processor).to_dict() == processor.to_dict()
    with torch.no_grad():
        detached = model(**text_inputs())
    assert list(passed(detached)) == ["logits"]


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")  # one that writes, as an encoder
@pytest.mark.parametrize(("name", "task"), EVERY_MODEL)
def test_every_model(name, task):
    model, inputs, _ = small_model(name, task)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.tied_names() == model.tied_names()
        with torch.no_grad():
            torch.testing.assert_close(tensors_in(again(**inputs)), tensors_in(model(**inputs)))
