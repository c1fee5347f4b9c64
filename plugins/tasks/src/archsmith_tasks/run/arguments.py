"""What ``archsmith run`` takes on its command line."""

from typing import Annotated

import typer

from archsmith_cli.verb import completing
from archsmith_tasks.catalog import task_names

__all__ = [
    "AUTO",
    "AsJson",
    "AsText",
    "BatchSize",
    "Device",
    "Draw",
    "FeatureExtractor",
    "Fields",
    "Force",
    "Given",
    "ImageProcessor",
    "Listing",
    "Model",
    "Named",
    "Offline",
    "Out",
    "Resume",
    "Revision",
    "Settings",
    "Strict",
    "Subfolder",
    "Tokenizer",
    "Type",
    "Whole",
]

#: What the user leaves to the checkpoint, or to us.
AUTO = "auto"
_INPUT = "A text, a file, a folder, a glob, or '-' for standard input. A file of plain text has one input a line, \
blank ones apart; of .jsonl, .csv, .tsv and .parquet a column is taken. What names no file is a text itself."
_INSTEAD = "In place of the model's."

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="TASK",
        help="See --list; 'auto': what the checkpoint says.",
        autocompletion=completing(lambda _: [AUTO, *task_names()]),
    ),
]
Given = Annotated[list[str] | None, typer.Argument(metavar="INPUT", help=_INPUT)]
Model = Annotated[str | None, typer.Option("--model", "-m", metavar="CHECKPOINT", help="A folder, or a hub id.")]
Out = Annotated[
    str | None, typer.Option("--out", "-o", metavar="FILE", help="Write .jsonl, .csv or .parquet; '-': JSON lines.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME", help="The column that is the input; PART=NAME for each of several."),
]
Whole = Annotated[bool, typer.Option("--whole", help="A file of plain text is one input.")]
AsText = Annotated[bool, typer.Option("--text", help="Each INPUT is a text, whatever it looks like.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="Set an option of the task. The value is JSON, or a string."),
]
BatchSize = Annotated[str, typer.Option("--batch-size", metavar="ROWS", help="Rows of a batch.")]
Type = Annotated[str, typer.Option("--dtype", metavar="TYPE", help="As bfloat16; else that of the file.")]
Device = Annotated[str | None, typer.Option("--device", metavar="DEVICE", help="As cuda; else the CPU.")]
Revision = Annotated[str | None, typer.Option("--revision", metavar="NAME", help="Branch, tag or commit on the hub.")]
Subfolder = Annotated[str, typer.Option("--subfolder", metavar="NAME", help="A folder inside the checkpoint.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask the hub's cache alone.")]
Tokenizer = Annotated[str | None, typer.Option("--tokenizer", metavar="CHECKPOINT", help=_INSTEAD)]
ImageProcessor = Annotated[str | None, typer.Option("--image-processor", metavar="CHECKPOINT", help=_INSTEAD)]
FeatureExtractor = Annotated[str | None, typer.Option("--feature-extractor", metavar="CHECKPOINT", help=_INSTEAD)]
Draw = Annotated[
    str | None, typer.Option("--draw", metavar="FOLDER", help="Draw each input with its answer, into a folder.")
]
Strict = Annotated[bool, typer.Option("--strict", help="End at the first input that is bad.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with FILE, which a run that ended early left.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE.")]
Listing = Annotated[bool, typer.Option("--list", help="Show the tasks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
