"""Turn a conversation into the text of its chat template, and that into ids."""

import inspect
from collections.abc import Mapping
from typing import Any

from archsmith.batch import BatchEncoding
from archsmith.errors import OptionError
from archsmith.messages import announce, did_you_mean, shorten, shown
from archsmith.options import TensorType
from archsmith_chat_templates.conversation import plain, read_messages
from archsmith_chat_templates.functions import described
from archsmith_chat_templates.rendering import MARKS_NAME, compile_template, guarded, render_text, spoken_spans

__all__ = ["apply_chat_template"]


def apply_chat_template(
    tokenizer: Any,
    conversation: Any,
    *,
    tools: Any = None,
    documents: Any = None,
    chat_template: str | None = None,
    add_generation_prompt: bool = False,
    continue_final_message: bool | str = False,
    tokenize: bool = True,
    padding: bool | str = False,
    truncation: bool | str = False,
    max_length: int | None = None,
    return_tensors: TensorType | None = None,
    return_dict: bool = True,
    return_assistant_tokens_mask: bool = False,
    tokenizer_kwargs: Mapping[str, Any] | None = None,
    **variables: Any,
) -> Any:
    """Turn a conversation, or a batch of them. Arguments and errors as the tokenizer's own method, which calls this."""
    _check_options(add_generation_prompt, continue_final_message, return_assistant_tokens_mask, tokenize, return_dict)
    template = _pick(tokenizer.chat_template, chat_template, tools)
    if isinstance(tools, list | tuple):
        tools = [described(each) for each in tools]
    variables |= {"tools": tools, "documents": documents, "add_generation_prompt": add_generation_prompt}
    render, values = _prepare(template, variables, tokenizer.special_tokens_map, marks=return_assistant_tokens_mask)
    is_batch = isinstance(conversation, list | tuple) and any(isinstance(each, list | tuple) for each in conversation)
    where = [f"conversation[{place}]" for place in range(len(conversation))] if is_batch else ["conversation"]
    chats = zip(where, conversation if is_batch else [conversation], strict=True)
    messages = [read_messages(chat, name, template) for name, chat in chats]
    texts = [render_text(render, values | {"messages": each}, continue_final_message) for each in messages]
    if not tokenize:
        return texts if is_batch else texts[0]
    options = {"padding": padding, "truncation": truncation, "max_length": max_length, "return_tensors": return_tensors}
    fixed = options | {"add_special_tokens": False}  # the template has written them
    for name in fixed.keys() & (tokenizer_kwargs or {}).keys():
        raise OptionError(f"tokenizer_kwargs has {name!r}, which apply_chat_template itself gives. Take it out.")
    more = dict(tokenizer_kwargs or {})
    keeps = more.setdefault("return_offsets_mapping", False)
    more["return_offsets_mapping"] = keeps or return_assistant_tokens_mask
    encoded = tokenizer(texts if is_batch else texts[0], **fixed, **more)
    if return_assistant_tokens_mask:
        both = zip(texts, messages, strict=True)
        spans = [spoken_spans(render, text, values | {"messages": each}) for text, each in both]
        _add_masks(encoded, spans, return_tensors, is_asked=keeps)
    return encoded if return_dict else encoded[tokenizer.model_input_names[0]]


def _check_options(prompts: bool, continues: Any, masks: bool, tokenizes: bool, returns_dict: bool) -> None:
    """Refuse options that contradict each other. Raises `OptionError`."""
    if not isinstance(continues, bool | str):
        raise OptionError(f"continue_final_message must be True, False or a key, but is {shown(continues)}.")
    if continues and (prompts or masks):
        other = "add_generation_prompt" if prompts else "return_assistant_tokens_mask"
        raise OptionError(f"continue_final_message and {other} contradict each other. Leave one out.")
    if masks and not (tokenizes and returns_dict):
        raise OptionError("return_assistant_tokens_mask=True needs tokenize=True and return_dict=True.")


def _prepare(
    template: str, given: dict[str, Any], tokens: Mapping[str, str], *, marks: bool
) -> tuple[Any, dict[str, Any]]:
    """Return what renders a template, and the variables for it. Raises `OptionError`: it does not read one."""
    render, read = guarded(compile_template, template)
    if marks and MARKS_NAME not in read:
        raise OptionError("return_assistant_tokens_mask needs {% generation %} blocks, and the chat template has none.")
    for name in given.keys() - (read - {MARKS_NAME}) - {"tools", "documents", "add_generation_prompt"}:
        known = [*read, *inspect.signature(apply_chat_template).parameters]
        raise OptionError(f"{name!r} is no option, and the chat template does not read it.{did_you_mean(name, known)}")
    for name in [name for name in ("tools", "documents") if given[name] and name not in read]:
        announce(f"the chat template does not read {name}, so the model will know nothing of them.")
    return render, plain({**tokens, **given}, "variables")


def _add_masks(encoded: Any, spans: list[list[tuple[int, int]]], kind: TensorType | None, *, is_asked: bool) -> None:
    """Add ``assistant_masks``: 1 for each token that has a character in a span of its text."""
    offsets = encoded["offset_mapping"] if is_asked else encoded.pop("offset_mapping")
    rows = offsets.tolist() if hasattr(offsets, "tolist") else offsets
    is_single = not isinstance(rows[0][0], list | tuple) or not isinstance(rows[0][0][0], int)
    rows = [rows] if is_single else rows
    samples = encoded.get("overflow_to_sample_mapping", range(len(rows)))
    masks = [
        [int(any(a < end and begin < b for begin, end in spans[sample])) for a, b in row]
        for row, sample in zip(rows, samples, strict=True)
    ]
    found = BatchEncoding({"assistant_masks": masks}, tensor_type=kind)["assistant_masks"]
    encoded["assistant_masks"] = found[0] if kind is None and is_single else found


def _pick(held: Any, asked: Any, tools: Any) -> str:
    """Return the template that is meant. Raises `OptionError`: there is none, or none of that name."""
    if isinstance(asked, str) and "{" in asked:
        return asked
    named = {} if held is None else held if isinstance(held, Mapping) else {"default": held}
    name = asked if asked is not None else "tool_use" if tools and "tool_use" in named else "default"
    if not isinstance(name, str) or name not in named:
        raise OptionError(
            f"there is no chat template {shown(name)}; this tokenizer has: {shorten(named)}. Pass chat_template=…, one "
            "of these names or a template in Jinja, or set tokenizer.chat_template."
        )
    return str(named[name])
