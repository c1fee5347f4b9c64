"""PEFT: LoRA by name and on all linear layers, merge, prompt tuning, saved adapters."""

import pytest
import torch

from archsmith.errors import ArchsmithWarning

from ..parity.support import assert_close
from .support import image_inputs, make_pair, text_inputs, trained

pytestmark = pytest.mark.long

INPUTS = {"bert": text_inputs(labels=3), "distilbert": text_inputs(labels=3), "vit": image_inputs(labels=3)}


def step(model, inputs):
    """Train one step, and return the logits after it."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model.train()
    model(**inputs).loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        return model(**inputs).logits


def both(pair, make):
    """Wrap both models with the same random adapters."""
    made = []
    for model in (pair.theirs, pair.ours):
        torch.manual_seed(0)
        made.append(make(model))
    return made[::-1]


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("bert", ["query", "value"]),
        ("distilbert", ["q_lin", "v_lin"]),
        ("vit", ["query", "value"]),
        ("bert", "all-linear"),
        ("vit", "all-linear"),
    ],
)
def test_lora(name, modules, request):
    from peft import LoraConfig, get_peft_model

    pair, inputs = request.getfixturevalue(name), INPUTS[name]
    config = LoraConfig(
        task_type="SEQ_CLS" if name != "vit" else None, r=2, target_modules=modules, init_lora_weights=True
    )
    before = trained(pair.ours)
    ours = get_peft_model(pair.ours, config)
    logits = step(ours, inputs)
    assert sum(p.requires_grad for p in ours.parameters()) >= 8
    if not isinstance(modules, str):
        assert torch.equal(
            before[next(n for n in before if n.endswith(f"{modules[0]}.weight"))],
            pair.ours.state_dict()[
                next(n for n in pair.ours.state_dict() if n.endswith(f"{modules[0]}.base_layer.weight"))
            ],
        )
    merged = ours.merge_and_unload()
    with torch.no_grad():
        assert_close(merged(**inputs).logits, logits, "logits")


def test_a_tied_output_layer_is_never_adapted_in_silence(masked):
    """PEFT leaves the decoder out for the reference's classes alone: it looks at the class."""
    from peft import LoraConfig, get_peft_model

    with pytest.warns(ArchsmithWarning, match="'cls.predictions.decoder' was adapted .* exclude_modules of PEFT"):
        get_peft_model(masked.ours, LoraConfig(r=2, target_modules="all-linear")).train()
    model = make_pair("BertForMaskedLM").ours
    get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", exclude_modules=["decoder"])).train()
    assert type(model.get_output_embeddings()) is torch.nn.Linear


@pytest.mark.parametrize("modules", [None, "all-linear"])
def test_lora_as_there(modules, bert):
    """The same adapters on both sides learn the same; without modules PEFT knows them by model_type."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=modules)
    ours, theirs = both(bert, lambda model: get_peft_model(model, config))
    assert ours.get_nb_trainable_parameters() == theirs.get_nb_trainable_parameters()
    assert_close(step(ours, INPUTS["bert"]), step(theirs, INPUTS["bert"]), "logits", 1e-4)


def test_prompt_tuning(bert):
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3)
    ours, theirs = both(bert, lambda model: get_peft_model(model, config))
    assert_close(step(ours, INPUTS["bert"]), step(theirs, INPUTS["bert"]), "logits", 1e-4)


def test_prefix_tuning_is_refused(bert):
    """It hands its prefixes to the model as a cache, which a classifier here has none of."""
    from peft import PrefixTuningConfig, get_peft_model

    model = get_peft_model(bert.ours, PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=2))
    with pytest.raises(ValueError, match="Model does not support past key values which are required for prefix tuning"):
        model(**INPUTS["bert"])


@pytest.mark.parametrize("kind", ["PromptEncoderConfig", "IA3Config"])
def test_other_methods(kind, bert):
    import peft

    more = {} if kind == "IA3Config" else {"num_virtual_tokens": 2}
    config = getattr(peft, kind)(task_type="SEQ_CLS", **more)
    logits = []
    for model in (bert.theirs, bert.ours):
        torch.manual_seed(0)
        logits.append(step(peft.get_peft_model(model, config), INPUTS["bert"]))
    assert_close(logits[1], logits[0], "logits", 1e-4)


def test_saved_adapter_on_a_fresh_model(bert, tmp_path):
    from peft import LoraConfig, PeftModel, get_peft_model

    model = get_peft_model(bert.ours, LoraConfig(task_type="SEQ_CLS", r=2))
    logits = step(model, INPUTS["bert"])
    model.save_pretrained(tmp_path)
    again = PeftModel.from_pretrained(make_pair("BertForSequenceClassification", num_labels=3).ours, tmp_path)
    with torch.no_grad():
        assert_close(again.eval()(**INPUTS["bert"]).logits, logits, "logits")


def test_auto_peft_model(bert, tmp_path):
    """AutoPeftModel loads the base by its path, with the reference's classes: from the folder that we saved."""
    from peft import AutoPeftModelForSequenceClassification, LoraConfig, get_peft_model

    bert.ours.save_pretrained(tmp_path / "base")
    base = type(bert.ours).from_pretrained(tmp_path / "base")
    model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=2))
    logits = step(model, INPUTS["bert"])
    model.save_pretrained(tmp_path / "adapter")
    again = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "adapter", num_labels=3)
    with torch.no_grad():
        assert_close(again.eval()(**INPUTS["bert"]).logits, logits, "logits")


def test_embeddings_to_train(masked):
    """Tied embeddings as ``modules_to_save`` and a vocabulary that grew."""
    from peft import LoraConfig, get_peft_model

    inputs = text_inputs()
    inputs["labels"] = inputs["input_ids"]
    for model in (masked.theirs, masked.ours):
        model.resize_token_embeddings(44)
        wrapped = get_peft_model(model, LoraConfig(r=2, target_modules=["query"], modules_to_save=["word_embeddings"]))
        assert step(wrapped, inputs).shape[-1] == 44


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("bert", "position_embeddings"),
        ("bert", "token_type_embeddings"),
        ("bert", "word_embeddings"),
        ("distilbert", "position_embeddings"),
        ("distilbert", "word_embeddings"),
    ],
)
def test_lora_on_embeddings(name, module, request):
    """An adapter of an embedding has an effect: its gradient and the logits after a step are those of the reference."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=[module])
    ours, theirs = both(request.getfixturevalue(name), lambda model: get_peft_model(model, config))
    logits = [step(model, INPUTS[name]) for model in (theirs, ours)]
    assert all(value.grad is not None for key, value in ours.named_parameters() if "lora_" in key)
    assert_close(logits[1], logits[0], "logits", 1e-4)
