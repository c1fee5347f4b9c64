"""Conversations: how their turns become one text, as the chat template of a tokenizer says, and the ids of that."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt, OptionError, SaveFailed
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE
from archsmith.files.paths import local_path
from archsmith.files.strictjson import read_bytes
from archsmith.messages import announce, shown
from archsmith.options import TensorType, import_library

__all__ = ["apply_chat_template", "chat_template", "read_chat_templates", "set_chat_template", "superseded_files"]

#: Where the field keeps the templates of a checkpoint that have names.
_FOLDER = "additional_chat_templates"


# ---- the templates of a tokenizer -----------------------------------------------------------------------------------


def chat_template(tokenizer: Any) -> Any:
    """How the turns of a conversation become a text, in Jinja; of several: name → template; None: there is none."""
    content = tokenizer.side_files.get(CHAT_TEMPLATE_FILE)
    found = tokenizer.extra.get("chat_template") if content is None else content.decode()
    return {each["name"]: each["template"] for each in found} if isinstance(found, list) else found


def set_chat_template(tokenizer: Any, template: str | Mapping[str, str] | None) -> None:
    """Replace it, or with None take it out. Raises `OptionError`: it is no text, nor several with names."""
    named = template if isinstance(template, Mapping) else {} if template is None else {"default": template}
    if not all(isinstance(each, str) for pair in named.items() for each in pair):
        raise OptionError(f"chat_template must be a text or None, or map names to texts, but is {shown(template)}.")
    tokenizer.extra.pop("chat_template", None)
    tokenizer.side_files.pop(CHAT_TEMPLATE_FILE, None)
    if named.keys() == {"default"}:
        tokenizer.side_files[CHAT_TEMPLATE_FILE] = named["default"].encode()
    elif named:
        tokenizer.extra["chat_template"] = [{"name": name, "template": text} for name, text in named.items()]


def read_chat_templates(tokenizer: Any, checkpoint: Checkpoint) -> None:
    """Bring together the templates of tokenizer_config.json, of chat_template.jinja, and of the folder for more.

    Raises:
        CheckpointCorrupt: They contradict each other, but for chat_template.jinja, which goes first; or are no texts.
    """
    stored = tokenizer.extra.get("chat_template") or []
    listed = [{"name": "default", "template": stored}] if isinstance(stored, str) else stored
    if not (isinstance(listed, list) and all(isinstance(each, dict) and _is_named(each) for each in listed)):
        raise CheckpointCorrupt(
            f"{checkpoint.source!r}: chat_template in {TOKENIZER_CONFIG_FILE} must be a text, or a list of objects "
            f"with name and template, but is {shown(stored)}."
        )
    texts = [(TOKENIZER_CONFIG_FILE, each["name"], each["template"]) for each in listed]
    texts += [(file, "default", content.decode()) for file, content in tokenizer.side_files.items()]
    found: dict[str, tuple[str, str]] = {}
    for file, name, text in [*texts, *_more_templates(checkpoint)]:
        first, earlier = found.setdefault(name, (file, text))
        if earlier.removesuffix("\n") == text.removesuffix("\n"):
            continue
        if file == CHAT_TEMPLATE_FILE:  # the newer place, which every program of the field reads first
            announce(
                f"{checkpoint.source!r}: the chat template in {file} is used, and not the other one in "
                f"{first}. Delete the one that is out of date."
            )
            found[name] = (file, text)
            tokenizer.extra.pop("chat_template")
        else:
            raise CheckpointCorrupt(
                f"{checkpoint.source!r}: the chat template {name!r} in {first} is not the one in {file}. "
                "Delete the one that is out of date."
            )
    if found.keys() - {"default"}:
        set_chat_template(tokenizer, {name: text for name, (_, text) in found.items()})


def superseded_files(tokenizer: Any, save_directory: str | os.PathLike[str]) -> re.Pattern[str]:
    """Return what a save deletes in a folder, as `FromPretrained.superseded_files`.

    Raises:
        SaveFailed: Templates in the folder for more, which no save replaces, would become this tokenizer's.
    """
    held = tokenizer.chat_template
    named = held if isinstance(held, dict) else {"default": held}
    folder = local_path("save_directory", save_directory)
    for file, name, text in _more_templates(Checkpoint(str(folder), folder)):
        if (named.get(name) or "").removesuffix("\n") != text.removesuffix("\n"):
            raise SaveFailed(
                f"{str(folder / file)!r} is another chat template than this tokenizer's, which is saved in "
                f"{TOKENIZER_CONFIG_FILE}. Delete it, or save elsewhere."
            )
    found: re.Pattern[str] = tokenizer.superseded_files(save_directory)
    return found


def _more_templates(checkpoint: Checkpoint) -> list[tuple[str, str, str]]:
    """Return file, name and text of the templates in the folder for more."""
    more = Checkpoint(checkpoint.source, checkpoint.folder, str(Path(checkpoint.subfolder, _FOLDER)))
    files = [name for name in more.names() if name.endswith(".jinja")]
    texts = [read_bytes(more.path(file), max_bytes=2**20).decode(errors="replace") for file in files]
    return [(f"{_FOLDER}/{file}", file[:-6], text) for file, text in zip(files, texts, strict=True)]


def _is_named(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("name"), str) and isinstance(entry.get("template"), str)


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
    """Turn a conversation, or a batch of them, into the text that the model was trained on, and that into ids.

    The template is a stranger's program. It runs in a sandbox, with a limit of steps, of text and of time.

    Args:
        conversation: Messages: dictionaries with ``role`` and ``content``, the earliest first; or a list of such lists.
        tools: The functions that the model may call: their JSON schemas, or they themselves.
        documents: Dictionaries with what the model may refer to.
        chat_template: A template, or the name of one of `chat_template`; None: the default one.
        add_generation_prompt: End with the beginning of the model's next message.
        continue_final_message: End where the text of the last message ends, so that the model goes on with it; or the
            name of the key that holds this text.
        tokenize: Return ids, not the text.
        padding: As for a call.
        truncation: As for a call.
        max_length: As for a call.
        return_tensors: As for a call.
        return_dict: Return all that a call returns, not the ids alone.
        return_assistant_tokens_mask: Return ``assistant_masks``: 1 for the tokens of the template's generation blocks.
        tokenizer_kwargs: More options of the call.
        **variables: More variables that the template reads.

    Raises:
        InputError: The conversation is of a wrong form, or the template fails or refuses it.
        OptionError: An option is wrong, there is no template, or it does not read a variable.
        MissingDependency: archsmith-chat-templates is not installed.
    """
    given = {name: value for name, value in locals().items() if name not in ("tokenizer", "conversation", "variables")}
    library = "archsmith-chat-templates"
    found = import_library("archsmith_chat_templates", library, need="chat templates need", install=library)
    return found.apply_chat_template(tokenizer, conversation, **given, **variables)
