"""How decoders are held against the reference's: with and without a cache, at once and in parts."""

from typing import Any

import torch

from .oracle import transformers
from .support import Pair, assert_close, assert_forward, assert_gradients, assert_same_output, ids, ragged

#: Without a cache: the reference's own returns nothing that ours could be held against.
ALONE = {"use_cache": False}
#: How a text of eleven tokens is cut: at once, token by token, in chunks.
CUTS = {"at once": [11], "by token": [1] * 11, "prompt, then by token": [7, 1, 1, 1, 1], "chunks": [4, 2, 5]}


def hold(pair: Pair, inputs: dict[str, Any], *, has_closed: bool = False) -> None:
    """Hold outputs, states, maps, loss and gradients of both implementations of attention against the reference's.

    Args:
        pair: The model.
        inputs: What it is fed.
        has_closed: Some places see nothing: in eager attention the reference lets gradients through there.
    """
    inputs = inputs | ALONE
    for attention in ("sdpa", "eager"):
        assert_forward(pair.attend_with(attention), inputs)
        if not (has_closed and attention == "eager"):
            assert_gradients(pair, inputs)


def labelled(kind: str, inputs: dict[str, Any], *, vocab_size: int = 41) -> dict[str, Any]:
    """Add the labels that a class takes."""
    if kind == "words":
        tokens = inputs["input_ids"] if "input_ids" in inputs else ids(vocab_size)
        return inputs | {"labels": tokens.long().masked_fill(ids(4, *tokens.shape, seed=4) == 0, -100)}
    labels = {"classes": torch.tensor([0, 1, 1]), "classes of words": ids(2)}
    return inputs | ({"labels": labels[kind]} if kind in labels else {})


def hold_parts(pair: Pair, cut: list[int], *, left: bool, places: bool) -> None:
    """Read a padded text in parts, on both sides with a cache, and hold every part against the reference's.

    Args:
        pair: A model that takes a cache.
        cut: How many tokens each part has.
        left: Texts are padded on the left, else there is no padding.
        places: Pass position_ids that leave padding out.
    """
    tokens, mask = ids(41), ragged(left=True) if left else torch.ones(3, 11, dtype=torch.long)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    ours = theirs = None
    begin, logits = 0, []
    with torch.no_grad():
        for size in cut:
            end = begin + size
            asked: dict[str, Any] = {"input_ids": tokens[:, begin:end], "attention_mask": mask[:, :end]}
            asked |= {"output_hidden_states": True, "use_cache": True}
            asked |= {"position_ids": positions[:, begin:end]} if places else {}
            found, wanted = pair.ours(**asked, past_key_values=ours), pair.theirs(**asked, past_key_values=theirs)
            ours, theirs = found.past_key_values, wanted.past_key_values
            own = mask[:, begin:end] == 1  # padding before a text sees nothing: what it is comes down to the kernel
            for name, here, there in (
                ("logits", found[0], wanted[0]),
                *(("states", *each) for each in zip(found.hidden_states, wanted.hidden_states, strict=True)),
            ):
                assert_close(here[own], there[own], f"{name}, tokens {begin} to {end}")
            logits.append(found[0])
            begin = end
        assert ours.length == theirs.get_seq_length() == begin
        asked = {"input_ids": tokens, "attention_mask": mask} | ({"position_ids": positions} if places else {})
        own = mask == 1
        assert_close(torch.cat(logits, 1)[own], pair.ours(**asked, **ALONE)[0][own], "parts beside the whole")


def saved_both_ways(pair: Pair, tmp_path: Any, inputs: dict[str, Any]) -> None:
    """Save on each side, load on the other, and hold the outputs against those of the model that was saved."""
    for saved, loader in ((pair.ours, type(pair.theirs)), (pair.theirs, type(pair.ours))):
        folder = tmp_path / type(saved).__module__.partition(".")[0]
        saved.save_pretrained(folder)
        again = loader.from_pretrained(folder)
        with torch.no_grad():
            ours, theirs = (saved, again) if saved is pair.ours else (again, saved)
            assert_same_output(ours(**inputs, **ALONE), theirs(**inputs, **ALONE))


def reference_config(name: str, values: dict[str, Any]) -> Any:
    """Return a configuration of the reference's from the content of a config.json."""
    return getattr(transformers, name).from_dict(values)


def hold_default(pair: Pair, inputs: dict[str, Any]) -> None:
    """Hold what comes without being asked for, in evaluation and training: a cache is kept, beside the outputs."""
    for training in (False, True):
        with torch.no_grad():
            found, wanted = (model.train(training)(**inputs) for model in (pair.ours, pair.theirs))
        has_cache = "past_key_values" in found
        assert has_cache == ("past_key_values" in wanted and not training)
        for name in wanted:
            if name == "past_key_values" and has_cache:
                assert found[name].length == wanted[name].get_seq_length()
            elif name != "past_key_values":
                assert_close(found[name], wanted[name], name)
    pair.ours.eval()
    pair.theirs.eval()


def hold_writing(pair: Pair, **options: Any) -> None:
    """Let both sides go on with texts that are padded on the left, and hold the tokens against each other."""
    mask = ragged(left=True)
    inputs = {"input_ids": torch.where(mask == 1, ids(39) + 1, 0), "attention_mask": mask}
    options = {"max_new_tokens": 7, "do_sample": False, "pad_token_id": 0} | options
    ours, theirs = (model.generate(**inputs, **options) for model in (pair.ours, pair.theirs))
    assert torch.equal(ours, theirs), (ours, theirs)
