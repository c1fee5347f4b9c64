"""The Auto classes of transformers, on folders that we saved."""

import pytest
import torch

from ..parity.oracle import transformers
from ..parity.support import assert_close
from .support import BERT, SIDES, image_array, image_inputs, make_tokenizers, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("model", "inputs"), [("bert", text_inputs()), ("distilbert", text_inputs()), ("vit", image_inputs())]
)
def test_models(model, inputs, tmp_path, request):
    ours = request.getfixturevalue(model).ours
    ours.save_pretrained(tmp_path)
    head = "ImageClassification" if model == "vit" else "SequenceClassification"
    theirs = getattr(transformers, f"AutoModelFor{head}").from_pretrained(tmp_path)
    with torch.no_grad():
        assert_close(ours(**inputs).logits, theirs(**inputs).logits, "logits")
    assert transformers.AutoConfig.from_pretrained(tmp_path).num_labels == 3


def test_tokenizer(vocabulary, tmp_path):
    ours, theirs = make_tokenizers(vocabulary)
    ours.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = ["a good film!", "bad"]
    assert again(texts, padding=True)["input_ids"] == theirs(texts, padding=True)["input_ids"]


def test_image_processor(tmp_path):
    ours = SIDES["ours"].ViTImageProcessor(size={"height": 16, "width": 16})
    ours.save_pretrained(tmp_path)
    again = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    image = image_array(16)  # of the size that is asked for: nothing is resized
    assert_close(
        ours(image, return_tensors="pt").pixel_values, again(image, return_tensors="pt").pixel_values, "pixels"
    )


def test_data_collators(vocabulary):
    ours, theirs = make_tokenizers(vocabulary)
    texts = ["a good film!", "bad"]
    for name, more in (("DataCollatorWithPadding", {}), ("DataCollatorForTokenClassification", {"labels": [0, 1]})):
        batches = []
        for tokenizer in (ours, theirs):
            rows = [{**tokenizer(text), **more} for text in texts]
            batches.append(getattr(transformers, name)(tokenizer)(rows))
        assert batches[0].keys() == batches[1].keys()
        assert all(torch.equal(batches[0][key], batches[1][key]) for key in batches[1])


def test_collator_that_masks_words(vocabulary):
    batches = []
    for tokenizer in make_tokenizers(vocabulary):
        torch.manual_seed(0)
        rows = [tokenizer(text, return_special_tokens_mask=True) for text in ("a good film!", "bad")]
        batches.append(transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.5)(rows))
    assert all(torch.equal(batches[0][key], batches[1][key]) for key in batches[1])


def test_register_our_classes():
    """What the reference's documentation asks of a model of one's own: register configuration and model."""
    import archsmith

    class OursConfig(archsmith.BertConfig):
        model_type = "ours-registered"

    class OursModel(archsmith.BertModel):
        config_class = OursConfig

    transformers.AutoConfig.register("ours-registered", OursConfig)
    transformers.AutoModel.register(OursConfig, OursModel)
    model = transformers.AutoModel.from_config(OursConfig(**BERT))
    assert type(model) is OursModel
    ids = text_inputs()
    assert_close(model.eval()(**ids)[0], archsmith.BertModel.forward(model, **ids)[0], "states")


def test_to_dict_of_the_reference():
    """What the same class there writes is taken as arguments here, and the other way round."""
    import archsmith

    archsmith.TimmWrapperConfig(**transformers.TimmWrapperConfig().to_dict())
    for name in ("Bert", "DistilBert", "ViT", "ResNet", "Wav2Vec2", "GPT2", "Llama", "Mistral", "Qwen2"):
        ours, theirs = getattr(archsmith, f"{name}Config"), getattr(transformers, f"{name}Config")
        found = ours(**theirs(num_labels=3, output_attentions=name != "ResNet").to_dict())
        assert found.num_labels == 3
        assert found.output_attentions is (name != "ResNet")
        again = theirs(**found.to_dict())
        assert all(
            getattr(again, field) == getattr(found, field) for field in ("hidden_size", "num_labels") if field in found
        )
