"""``archsmith chat``: talk to a model in the terminal."""

import contextlib
import io
import json as json_format
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsmith.messages import clean

if TYPE_CHECKING:
    from archsmith_generation.conversation import Conversation

__all__ = ["chat"]


def chat(
    folder: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="A checkpoint with a tokenizer and a chat template.")
    ],
    system: Annotated[str | None, typer.Option("--system", help="What the model is told about itself.")] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="The most tokens of an answer.")] = 512,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Draw at random, with this; 0: take the likeliest.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Answer one prompt, all of standard input, and print JSON.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Talk to a model in the terminal.

    Each line is answered. Ctrl-C stops an answer; at a question it ends the talk, as Ctrl-D does.

    Examples:
        archsmith chat CHECKPOINT
        archsmith chat CHECKPOINT --system "Answer in one sentence." --max-new-tokens 64
    """
    from archsmith import AutoModelForCausalLM, AutoTokenizer  # torch
    from archsmith.errors import InputError, OptionError
    from archsmith_generation.conversation import Conversation
    from archsmith_generation.mixin import GenerationMixin

    if sys.stdin is None:
        raise InputError("there is nothing to answer: standard input is closed.")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # bytes that are no text are refused by the tokenizer, in words
    settings: dict[str, Any] = {"max_new_tokens": max_new_tokens}
    if temperature is not None:
        settings |= {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
    model = AutoModelForCausalLM.from_pretrained(folder)
    if not isinstance(model, GenerationMixin):
        raise OptionError(f"{type(model).__name__} does not generate: it is not a GenerationMixin.")
    talk = Conversation(model, AutoTokenizer.from_pretrained(folder), system=system)
    if json:
        prompt = sys.stdin.read().strip()
        answer = "".join(talk.answer(prompt, **settings))
        told = {"prompt": prompt, "answer": answer, "messages": talk.messages}
        typer.echo(json_format.dumps(told, ensure_ascii=False))
        return
    answered = [_tell(talk, question, settings) for question in _questions()]
    if not (all(answered) or sys.stdin.isatty()):
        raise typer.Exit(1)


chat.__dict__["rich_help_panel"] = "Run"  # as archsmith_cli.verb.in_group does, which is not always installed


def _questions() -> Iterator[str]:
    """Yield the lines that are typed or piped in, those with nothing left out."""
    if is_terminal := sys.stdin.isatty():
        with contextlib.suppress(ImportError):  # arrow keys, and pasted texts of several lines; not everywhere
            import readline  # noqa: F401
    while True:
        try:
            with _signals_heard() if is_terminal else contextlib.nullcontext():
                line = input("> " if is_terminal else "")
        except (EOFError, KeyboardInterrupt) as end:
            _raise_if_terminated(end)
            if is_terminal:
                typer.echo()
            return
        if line.strip():
            yield line.strip()


@contextlib.contextmanager
def _signals_heard() -> Iterator[None]:
    """Send a signal once more that comes just as readline begins to wait for keys: else it is heard at the next key."""
    if not hasattr(signal, "pthread_kill"):  # Windows
        yield
        return
    done, main, (inner, outer) = threading.Event(), threading.get_ident(), os.pipe()

    def repeat() -> None:
        while number := os.read(inner, 1):
            if not done.wait(0.1):
                signal.pthread_kill(main, number[0])

    os.set_blocking(outer, False)
    before, thread = (
        signal.set_wakeup_fd(outer, warn_on_full_buffer=False),
        threading.Thread(target=repeat, daemon=True),
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        os.close(outer)
        thread.join()
        os.close(inner)


def _raise_if_terminated(end: BaseException) -> None:
    """Go on to end where a signal has come that ends programs: the command line raises a kind of KeyboardInterrupt."""
    if isinstance(end, KeyboardInterrupt) and type(end) is not KeyboardInterrupt:
        raise end


def _tell(talk: "Conversation", question: str, settings: dict[str, Any]) -> bool:
    """Print an answer as it comes, in letters that do not steer the terminal. Return whether there was one."""
    from archsmith.errors import InputError

    pieces = talk.answer(question, **settings)
    try:
        for piece in pieces:
            typer.echo(clean(piece, lines=True), nl=False)
    except KeyboardInterrupt as stop:
        _raise_if_terminated(stop)
        pieces.close()  # type: ignore[attr-defined]  # a generator
        typer.echo(" [stopped]", nl=False)
    except InputError as error:
        typer.echo(str(error), err=True)
        return False
    typer.echo()
    return True
