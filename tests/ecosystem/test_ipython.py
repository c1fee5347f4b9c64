"""IPython and rich: completion, what is shown at the end of a cell, printing."""

import io

import pytest

from .support import SIDES, make_tokenizers, text_inputs

pytestmark = pytest.mark.long


def test_completion_and_display(bert, vocabulary):
    from IPython.core.formatters import DisplayFormatter
    from IPython.core.interactiveshell import InteractiveShell

    values = {
        "model": bert.ours,
        "config": bert.ours.config,
        "tokenizer": make_tokenizers(vocabulary)[0],
        "output": bert.ours(**text_inputs()),
        "processor": SIDES["ours"].ViTImageProcessor(),
        "archsmith": SIDES["ours"],
    }
    shell = InteractiveShell.instance()
    try:
        shell.push(values)
        shell.Completer.use_jedi = False
        for text, expected in (
            ("config.hidd", "hidden_size"),
            ("output.log", "logits"),
            ("model.save_p", "save_pretrained"),
            ("archsmith.AutoMod", "AutoModel"),
        ):
            assert any(found.endswith(expected) for found in shell.complete(text)[1]), text
        for name, value in values.items():
            shown, _ = DisplayFormatter().format(value)
            assert list(shown) == ["text/plain"], name
    finally:
        InteractiveShell.clear_instance()


def test_rich(bert, vocabulary):
    from rich.console import Console
    from rich.pretty import pretty_repr

    for value in (bert.ours.config, bert.ours, bert.ours(**text_inputs()), make_tokenizers(vocabulary)[0]):
        Console(file=io.StringIO()).print(value)
        assert type(value).__name__ in pretty_repr(value)
