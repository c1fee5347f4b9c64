"""What goes wrong when an encoder of texts is ported."""

# ruff: noqa: ISC004  # a piece of source stands as it is

from .record import Mistake

MODEL, HEADS, CONFIG = "model.py", "heads.py", "config.py"
OWN_MASK = "attention_mask_for(hidden, attention_mask), eager=eager"
RETURN = "return self.as_requested(output, return_dict)"


def _text(name, wrong, *edits, says):
    return Mistake(f"text-{name}", "textual", wrong, edits, says)


MISTAKES = (
    _text(
        "mask-sign",
        "The mask is added with the wrong sign: texts see their padding alone, and a single text seems to work.",
        (
            MODEL,
            OWN_MASK,
            "None if attention_mask is None else attention_mask[:, None, None].to(hidden.dtype) * -1e9, eager=eager",
        ),
        says=("padding|attention_mask",),
    ),
    _text(
        "mask-on-queries",
        "The mask lies on the axis of the queries, where softmax cancels it: padding counts in every batch.",
        (
            MODEL,
            OWN_MASK,
            "None if attention_mask is None else (1 - attention_mask[:, None, :, None].to(hidden.dtype)) * -1e4, "
            "eager=eager",
        ),
        says=("padding|attention_mask",),
    ),
    _text(
        "mask-in-float32",
        "The mask is made in float32: half precision fails where attention maps are asked for.",
        (
            MODEL,
            OWN_MASK,
            "None if attention_mask is None else (1.0 - attention_mask[:, None, None].float()) * -1e30, eager=eager",
        ),
        says=("bfloat16|float16|half|dtype",),
    ),
    _text(
        "token-types-ignored",
        "token_type_ids are taken and not used, so pairs of texts are read as one.",
        (
            MODEL,
            "self.token_type_embeddings(token_type_ids)",
            "self.token_type_embeddings(torch.zeros_like(token_type_ids))",
        ),
        says=("token_type_ids",),
    ),
    _text(
        "positions-ignored",
        "position_ids are taken and not used: packed texts get the wrong places.",
        (MODEL, "self.position_embeddings(position_ids)", "self.position_embeddings.weight[:tokens]"),
        says=("position_ids",),
    ),
    _text(
        "table-read-past-its-module",
        "Token types are read from the table's weight where none are given: LoRA on the table changes nothing.",
        (
            MODEL,
            "token_type_ids = torch.zeros(words.shape[:2], dtype=torch.long, device=words.device)\n"
            "        hidden = words + self.position_embeddings(position_ids)\n"
            "        hidden = hidden + self.token_type_embeddings(token_type_ids)",
            "of_type = self.token_type_embeddings.weight[0]\n"
            "        else:\n"
            "            of_type = self.token_type_embeddings.weight[token_type_ids]\n"
            "        hidden = words + self.position_embeddings(position_ids) + of_type",
        ),
        says=("token_type_embeddings", "called", "lora|hooks"),
    ),
    _text(
        "dropout-in-evaluation",
        "F.dropout without training= drops in evaluation too: every call gives other numbers.",
        (MODEL, "self.dropout(self.output(inner))", "nn.functional.dropout(self.output(inner), 0.1)"),
        says=("evaluation|eval|random|dropout|twice|again",),
    ),
    _text(
        "attention-dropout-in-evaluation",
        "Attention drops probabilities in evaluation too, because the share is passed on whatever the mode.",
        (MODEL, "self.attention_dropout if self.training else 0.0", "self.attention_dropout"),
        says=("evaluation|eval|random|dropout|twice|again",),
    ),
    _text(
        "eps-hard-coded",
        "Normalisations use torch's eps rather than that of the configuration: numbers are off in the fourth place.",
        (MODEL, ", eps=config.layer_norm_eps", ""),
        (HEADS, ", eps=config.layer_norm_eps", ""),
        says=("layer_norm_eps",),
    ),
    _text(
        "activation-hard-coded",
        "The activation is written into the model, so a checkpoint with another hidden_act is computed wrongly.",
        (MODEL, "activation(config.hidden_act)", 'activation("gelu")'),
        (HEADS, "activation(config.hidden_act)", 'activation("gelu")'),
        says=("hidden_act",),
    ),
    _text(
        "initializer-range-ignored",
        "Weights start with a deviation of 0.02 whatever initializer_range says, so training from scratch differs.",
        (
            MODEL,
            'attention_projections = tuple(f"encoder',
            "def init_weights(self, module: nn.Module) -> None:\n"
            "        super().init_weights(module)\n"
            "        if isinstance(module, (nn.Linear, nn.Embedding)):\n"
            "            nn.init.normal_(module.weight, std=0.02)\n\n"
            '    attention_projections = tuple(f"encoder',
        ),
        says=("initializer_range",),
    ),
    _text(
        "ignored-labels-count",
        "Labels of -100 count as class 0 in the loss of masked tokens: it falls, and nothing is learned.",
        (
            HEADS,
            "loss = None if labels is None else token_loss(logits, labels)\n        output = MaskedLMOutput",
            "loss = None\n"
            "        if labels is not None:\n"
            "            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten().clamp(min=0))\n"
            "        output = MaskedLMOutput",
        ),
        says=("-100",),
    ),
    _text(
        "tied-in-the-constructor",
        "The head is tied by assignment in the constructor, not declared: a load or a resize unties it.",
        (HEADS, '    tied_weights = {"decoder.weight": "textual.embeddings.word_embeddings.weight"}\n\n', ""),
        (
            HEADS,
            "self.decoder = nn.Linear(config.hidden_size, config.vocab_size)",
            "self.decoder = nn.Linear(config.hidden_size, config.vocab_size)\n"
            "        self.decoder.weight = self.textual.embeddings.word_embeddings.weight",
        ),
        says=("tied|tie_word_embeddings|decoder",),
    ),
    _text(
        "not-tied",
        "The head is not tied at all: published files lack decoder.weight, and the head starts at random.",
        (HEADS, '    tied_weights = {"decoder.weight": "textual.embeddings.word_embeddings.weight"}\n\n', ""),
        says=("tie_word_embeddings|tied|decoder",),
    ),
    _text(
        "tied-to-a-misspelt-name",
        "tied_weights names a parameter that is not there.",
        (HEADS, '"textual.embeddings.word_embeddings.weight"', '"bert.embeddings.word_embeddings.weight"'),
        says=("bert.embeddings.word_embeddings|tied_weights",),
    ),
    _text(
        "pooler-takes-the-last",
        "The pooler reads the last place rather than the first, which is padding in all but the longest text.",
        (MODEL, "self.dense(hidden[:, 0])", "self.dense(hidden[:, -1])"),
        says=("pooler_output|logits", "padding"),
    ),
    _text(
        "hidden-states-without-embeddings",
        "hidden_states begin after the first layer, so index 0 means another thing than in the field.",
        (MODEL, "states, maps = [hidden], []", "states, maps = [], []"),
        says=("hidden_states",),
    ),
    _text(
        "attentions-averaged",
        "attentions are averaged over the heads, so whoever looks at a head finds tokens.",
        (MODEL, "maps.append(attention)", "maps.append(attention if attention is None else attention.mean(1))"),
        says=("attentions",),
    ),
    _text(
        "heads-drop-hidden-states",
        "Heads do not pass output_hidden_states on: it is taken, and nothing comes.",
        (HEADS, "output_hidden_states=output_hidden_states,", "output_hidden_states=None,"),
        says=("hidden_states",),
    ),
    _text(
        "heads-drop-token-types",
        "Heads do not pass token_type_ids on to the base model.",
        (HEADS, "            token_type_ids,\n", "            None,\n"),
        says=("token_type_ids",),
    ),
    _text(
        "tuples-refused",
        "Heads return an output object whatever return_dict says.",
        (HEADS, RETURN, "return output"),
        says=("return_dict|tuple",),
    ),
    _text(
        "tuple-in-another-order",
        "As a tuple the logits come before the loss, so a training loop minimises logits.",
        (
            HEADS,
            "output = SequenceClassifierOutput(loss",
            "if return_dict is False:\n"
            "            return (logits,) if loss is None else (logits, loss)\n"
            "        output = SequenceClassifierOutput(loss",
        ),
        says=("tuple|return_dict|order",),
    ),
    _text(
        "wrong-prefix",
        "base_model_prefix is that of the model it was copied from: heads find no base model.",
        (MODEL, 'base_model_prefix = "textual"', 'base_model_prefix = "bert"'),
        says=("base_model_prefix|bert",),
    ),
    _text(
        "problem-type-ignored",
        "The loss does not ask for problem_type, so regression with several outputs is trained as classification.",
        (HEADS, "classification_loss(logits, labels, self.config.problem_type)", "token_loss(logits, labels)"),
        says=("problem_type|regression|multi_label",),
    ),
    _text(
        "mask-kept-between-calls",
        "The mask is kept in the module by its length, so the second batch is read with the mask of the first.",
        (MODEL, "class Embeddings(nn.Module):", "MASKS: dict[int, Any] = {}\n\n\nclass Embeddings(nn.Module):"),
        (
            MODEL,
            OWN_MASK,
            "MASKS.setdefault(shape[1], attention_mask_for(hidden, attention_mask)), eager=eager",
        ),
        says=("padding|attention_mask|state|call|before|earlier|again|batch",),
    ),
    _text(
        "inputs-changed",
        "Padding is written into the caller's input_ids.",
        (
            MODEL,
            "words = table(input_ids) if",
            "if input_ids is not None and attention_mask is not None:\n"
            "            input_ids.masked_fill_(attention_mask == 0, 1)\n"
            "        words = table(input_ids) if",
        ),
        says=("input_ids", "chang|in place|modif"),
    ),
    _text(
        "checkpointing-drops-the-mask",
        "With gradient checkpointing the layers are called without the mask, so training differs.",
        (
            MODEL,
            "hidden, attention = layer(hidden, mask, eager=eager)",
            "kept = None if self.layer.gradient_checkpointing and self.training else mask\n"
            "            hidden, attention = layer(hidden, kept, eager=eager)",
        ),
        says=("gradient.checkpointing",),
    ),
    _text(
        "squeezed-logits",
        "squeeze() without an axis loses the batch where it is one text long.",
        (
            HEADS,
            "self.classifier(self.dropout(encoded.pooler_output))",
            "self.classifier(encoded.pooler_output).squeeze()",
        ),
        says=("logits|shape", "alone|one|single|shape"),
    ),
    _text(
        "centred-over-the-batch",
        "Hidden states are centred over the batch, so each text depends on its neighbours.",
        (
            MODEL,
            "return self.dropout(self.LayerNorm(hidden))",
            "return self.dropout(self.LayerNorm(hidden - hidden.mean(0)))",
        ),
        says=("alone|batch",),
    ),
    _text(
        "private-import",
        "The model imports a part of archsmith that is not public, and breaks with the next minor version.",
        (MODEL, "from archsmith.model import PreTrainedModel", "from archsmith.model.base import PreTrainedModel"),
        says=(r"archsmith\.model\.base",),
    ),
    _text(
        "bias-not-resized",
        "The bias of the head is a parameter of its own, which a larger vocabulary leaves behind.",
        (
            HEADS,
            "self.decoder = nn.Linear(config.hidden_size, config.vocab_size)",
            "self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)\n"
            "        self.bias = nn.Parameter(torch.zeros(config.vocab_size))",
        ),
        (
            HEADS,
            "self.transform(encoded.last_hidden_state))))",
            "self.transform(encoded.last_hidden_state)))) + self.bias",
        ),
        (HEADS, "from torch import Tensor, nn", "import torch\nfrom torch import Tensor, nn"),
        says=("vocab|resize|bias",),
    ),
    _text(
        "heads-need-not-divide",
        "No rule says that heads divide the width: the model fails inside torch.",
        (CONFIG, "if self.hidden_size % self.num_attention_heads:", "if False:"),
        says=("num_attention_heads|hidden_size",),
    ),
    _text(
        "heads-from-the-configuration-alone",
        "The head of tokens has two outputs whatever num_labels says.",
        (
            HEADS,
            "self.classifier = nn.Linear(config.hidden_size, config.num_labels)",
            "self.classifier = nn.Linear(config.hidden_size, 2)",
        ),
        says=("logits|num_labels",),
    ),
)
