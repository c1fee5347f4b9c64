"""How results look on a terminal, in a pipe, and as JSON."""

import io
import json

import pytest

from archsmith_cli.render import Cell, Page, clean, encode, shorten, size

PROSE = "A sentence that is a good deal longer than forty columns, with a-name-that-must-not-break-anywhere-in-it."


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def drawn(width, draw):
    stream = io.StringIO()
    draw(Page(stream, width=width))
    return stream.getvalue()


def test_table_in_a_pipe_is_as_wide_as_it_needs():
    table = drawn(None, lambda page: page.table(("A", "B", "N"), [("x", PROSE, "7"), ("yy", "", "10")], right=("N",)))
    assert table.splitlines() == [
        f"A   B{' ' * (len(PROSE) + 1)} N",
        f"x   {PROSE}   7",
        f"yy  {' ' * len(PROSE)}  10",
    ]


def test_table_wraps_one_column_between_words():
    rows = [("a-long-name", (PROSE, Cell("second", "dim")), "7")]
    table = drawn(60, lambda page: page.table(("NAME", "TEXT", "N"), rows, wrap="TEXT", right=("N",)))
    assert table == (
        "NAME         TEXT                                        N\n"
        "a-long-name  A sentence that is a good deal longer than  7\n"
        "             forty columns, with\n"
        "             a-name-that-must-not-break-anywhere-in-it.\n"
        "             second\n"
    )


def test_table_without_room_shows_each_row_as_lines_and_never_cuts_a_name():
    name = "x" * 50
    rows = [(name, ("some words to be wrapped there", Cell("second", "dim")), ""), ("short", "text", "7")]
    table = drawn(40, lambda page: page.table(("NAME", "TEXT", ""), rows, wrap="TEXT"))
    assert table == (f"NAME\n{name}\n  text: some words to be wrapped there\n    second\nshort\n  text: text\n  7\n")


def test_line_goes_on_below_between_words_in_its_styles():
    def draw(page):
        page.line("  ", Cell("some-name", "bold"), " (with brackets), and ", Cell("another-one", "bold"), ".")
        page.line("x" * 40)
        page.blank()

    assert drawn(30, draw) == f"  some-name (with brackets),\n    and another-one.\n{'x' * 40}\n\n"
    assert "some-name (with brackets), and another-one.\n" in drawn(None, draw)


def test_label_stands_above_text_that_it_leaves_no_room():
    text = drawn(30, lambda page: page.prose("what is wrong with it", label="incompatible", below="Run: this"))
    assert text == "incompatible\n  what is wrong with it\n  Run: this\n"


def test_wide_characters_take_two_columns():
    assert drawn(None, lambda page: page.table(("", ""), [("日本", "x"), ("abcd", "y")])) == "日本  x\nabcd  y\n"


def test_prose_is_indented_as_far_as_its_label():
    text = drawn(60, lambda page: page.prose(f"{PROSE}\n  - one\n  - two", label="note:", indent=1))
    assert text == (
        " note: A sentence that is a good deal longer than forty\n"
        "       columns, with\n"
        "       a-name-that-must-not-break-anywhere-in-it.\n"
        "         - one\n"
        "         - two\n"
    )
    assert drawn(None, lambda page: page.prose(PROSE, label="error:")) == f"error: {PROSE}\n"


@pytest.mark.parametrize(
    ("variables", "styled"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_styles(monkeypatch, variables, styled):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    Page(stream).line(Cell("red", "red"), " plain [markup] :smile: 12")
    assert ("\x1b[31m" in stream.getvalue()) is styled
    assert stream.getvalue().endswith(" plain [markup] :smile: 12\n")


def test_width_of_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "66")
    assert Page(Terminal()).width == 66
    monkeypatch.delenv("COLUMNS")
    assert Page(Terminal()).width == 80


def test_control_characters_are_shown_and_not_sent():
    text = "a\x1b[31mb\r\n\udc80ü\u202e\x9b"
    assert clean(text, lines=True) == "a\\x1b[31mb\\r\n\\udc80ü\\u202e\\x9b"
    assert clean(text) == "a\\x1b[31mb\\r\\n\\udc80ü\\u202e\\x9b"
    assert drawn(None, lambda page: page.table(("A",), [("x\ny",)])) == "A\nx\\ny\n"
    assert drawn(None, lambda page: page.line("x\ny")) == "x\\ny\n"


def test_json_does_not_steer_a_terminal_either():
    text = "\x1b\x7f\x9b\u202e\u2028\U000e0001ü"
    written = encode({text: text})
    assert all(char.isprintable() or char == "\n" for char in written)
    assert "ü" in written
    assert json.loads(written) == {text: text}


def test_encode_escapes_what_the_stream_can_not_hold():
    assert encode("ü", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == '"ü"'
    assert encode("ü", io.TextIOWrapper(io.BytesIO(), encoding="ascii")) == '"\\u00fc"'
    assert encode("\udc80", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == '"\\udc80"'


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (265486336, "253.2 MiB"), (2**44, "16.0 TiB")],
)
def test_size(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("gelu", "gelu"), ("", '""'), (None, "null"), (True, "true"), ([1, 2], "[1, 2]"), ("x" * 9, "xxxxx...")],
)
def test_shorten(value, text):
    assert shorten(value, 8) == text
