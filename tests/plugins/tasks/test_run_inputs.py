"""What an argument of ``archsmith run`` becomes: texts, files, folders, globs, tables, standard input."""

import csv
import datetime as dt
import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archsmith.errors import ArchsmithWarning, InputError, OptionError
from archsmith_tasks.run.columns import Columns
from archsmith_tasks.run.inputs import Inputs
from archsmith_tasks.run.reading import LONGEST, column_names
from archsmith_tasks.task import Task


def task(inputs="text", fields=()):
    parts = {"text": "tokenizer", "image": "image_processor", "audio": "feature_extractor"}
    return Task(
        name="toy",
        summary="A toy.",
        models=("base",),
        parts=(parts[inputs],),
        inputs=inputs,
        steps="a:B",
        fields=fields,
        optional_fields=("text", "text_pair") if inputs == "text" and not fields else (),
    )


def read(*arguments, inputs="text", fields=(), named=(), **options):
    one = task(inputs, fields)
    return [
        (item.id, str(item.value) if isinstance(item.value, Exception) else item.value)
        for item in Inputs(list(map(str, arguments)), one, Columns(one, named), **options)
    ]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


# ---- texts and plain files ----------------------------------------------------------------------------------------


def test_texts_that_name_no_file():
    given = [
        "A very good film.",
        "[MASK].",
        "good.",
        "3.14",
        "U.S.A.",
        "...",
        "3/4 of it is bad",
        "Is it good?",
        "bad",
        "",
        "x" * 5000,
    ]
    assert read(*given) == [(f"argument {number}", text) for number, text in enumerate(given, 1)]


def test_a_glob_without_a_folder(tmp_path):
    write(tmp_path, note__1_txt="one\n", n1_log="two\n")
    texts = ["How are you?", "Why?", "wow*", "f**k", "[MASK]", "2*3=6", "is it *.log or *.txt then"]
    assert read(*texts) == [(f"argument {number}", text) for number, text in enumerate(texts, 1)]
    for given in ("*.txt", "*.jsn", "data-*.dat", "my *.csv", "notes.*"):
        with pytest.raises(OptionError, match=f"^no file is named like {re.escape(repr(given))} .* pass --text"):
            read(given)
        assert read(given, as_texts=True) == [("argument 1", given)]
    for given in ("n?.log", "n*", "*.log"):
        assert ("n1.log:1", "two") in read(given)
    with pytest.raises(OptionError, match=r"^no file is named like '\*\.png' \(working directory: '[^']*'\)\.$"):
        read("*.png", inputs="image")


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("reviews.txt", " Did you mean 'review.txt'?"),
        ("data/all", " If it is a text, pass --text."),
        ("./x", " If it is a text, pass --text."),
        ("x.JSONL", " If it is a text, pass --text."),
        ("my files.csv", " If it is a text, pass --text."),
        ("review.txtt", " Did you mean 'review.txt'?"),
        ("data.xlsx", " If it is a text, pass --text."),
    ],
)
def test_a_path_that_leads_nowhere_is_no_text(tmp_path, argument, hint):
    write(tmp_path, review_txt="x")
    with pytest.raises(OptionError) as caught:
        read(argument)
    assert str(caught.value) == f"there is no file {argument!r} (working directory: {str(tmp_path)!r}).{hint}"
    assert read(argument, as_texts=True) == [("argument 1", argument)]


def test_lines_of_a_file(tmp_path):
    """Blank lines are left out, and the id still names the line; marks, ends of lines and the last line are seen to."""
    write(tmp_path, a_txt=b"\xef\xbb\xbfone\r\n\r\n  \ntwo \xc3\xa9\nthree")
    assert read("a.txt") == [("a.txt:1", "one"), ("a.txt:4", "two é"), ("a.txt:5", "three")]
    assert read("a.txt", whole=True) == [("a.txt", "one\r\n\r\n  \ntwo é\nthree")]
    assert read("a.txt", as_texts=True) == [("argument 1", "a.txt")]


def test_lines_that_are_no_text(tmp_path):
    long = b"x" * (LONGEST + 1)
    write(tmp_path, a_txt=b"one\ncaf\xe9\ntwo\0\n" + long + b"\nlast\n" + long)
    assert read("a.txt") == [
        ("a.txt:1", "one"),
        ("a.txt:2", "line 2 is not UTF-8 (the byte 0xe9 at 3). Save the file as UTF-8."),
        ("a.txt:3", "line 3 holds a null character; it is no text."),
        ("a.txt:4", "line 4 has more than 16,777,216 bytes."),
        ("a.txt:5", "last"),
        ("a.txt:6", "line 6 has more than 16,777,216 bytes."),
    ]
    write(tmp_path, b_txt="one\ntwo\n".encode("utf-16"))
    assert read("b.txt") == [("b.txt:1", "the file is UTF-16; expected UTF-8. Save it as UTF-8.")]
    assert read("b.txt", whole=True) == [("b.txt", "the file is UTF-16; expected UTF-8. Save it as UTF-8.")]
    write(tmp_path, c_txt=b"", d_txt=b"\n\n")
    assert read("c.txt", "d.txt") == []


def test_folders_and_globs(tmp_path):
    write(
        tmp_path,
        x__b_txt="b",
        x__a_md="a",
        x__c__a_txt="ca",
        x__c_png="no",
        x__Makefile="no",
        x__d_jsonl='{"text": "d"}',
    )
    (tmp_path / "x/.hidden.txt").write_text("no")
    (tmp_path / "x/loop").symlink_to(tmp_path / "x")
    with pytest.warns(ArchsmithWarning, match=r"^'x': files that are not texts or tables are left out: ") as said:
        found = read("x")
    assert ".png" in str(said[0].message)
    assert found == [("x/a.md:1", "a"), ("x/b.txt:1", "b"), ("x/c/a.txt:1", "ca"), ("x/d.jsonl:1", "d")]
    assert read("x/*.txt") == [("x/b.txt:1", "b")]
    assert [name for name, _ in read("x/**/*.txt")] == ["x/b.txt:1", "x/c/a.txt:1"]
    with pytest.raises(OptionError, match=r"^no file is named like 'x/\*.csv' "):
        read("x/*.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match=r"^'empty' holds no texts or tables\.$"):
        read("empty")


def test_a_folder_named_like_a_glob(tmp_path):
    write(tmp_path, **{"x[1]_txt": "one"})
    assert read("x[1].txt") == [("x[1].txt:1", "one")]


# ---- tables ---------------------------------------------------------------------------------------------------------


ROWS = [{"id": "r1", "text": "one"}, {"id": None, "text": "two, “2”\nlines"}, {"id": 3, "text": None}]


def test_json_lines(tmp_path):
    broken = ['{"text": ', "7", '"alone"', '{"txt": "x"}', '{"text": "a\\u0000b"}', "[" * 100_000]
    lines = [*map(json.dumps, ROWS), "", *broken, '{"text": "last"}']
    write(tmp_path, a_jsonl="\n".join(lines), b_ndjson='\ufeff{"text": "x"}\r\n')
    found = read("a.jsonl")
    assert found[:3] == [("r1", "one"), ("a.jsonl:2", "two, “2”\nlines"), ("3", None)]
    assert [name for name, _ in found[3:]] == [f"a.jsonl:{number}" for number in range(5, 12)]
    assert found[3][1].startswith("line 5 of 'a.jsonl' is not JSON: Expecting value")
    assert [said for _, said in found[4:8]] == [
        "line 6 of 'a.jsonl' must be a JSON object, but is 7.",
        "alone",
        "it has no 'text'; it has: txt.",
        "'text' holds a null character.",
    ]
    assert found[8][1].startswith("line 10 of 'a.jsonl' is not JSON: ")
    assert found[9][1] == "last"
    assert read("b.ndjson") == [("b.ndjson:1", "x")]


def test_packed_json_lines(tmp_path):
    raw = gzip.compress(b"".join(json.dumps({"text": f"text {n}"}).encode() + b"\n" for n in range(3000)))
    write(tmp_path, a_jsonl_gz=raw, b_csv_gz=gzip.compress(b"text\none\n"), c_jsonl_gz=raw[: len(raw) // 2])
    assert len(read("a.jsonl.gz")) == 3000
    assert read("b.csv.gz") == [("b.csv.gz:2", "one")]
    cut = read("c.jsonl.gz")
    assert 0 < len(cut) < 3000
    assert cut[-1][1].startswith("'c.jsonl.gz' cannot be read from here on: ")


def test_csv_and_tsv(tmp_path):
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["id", "text"])
        writer.writeheader()
        writer.writerows(ROWS)
    assert read("a.csv") == [("r1", "one"), ("a.csv:3", "two, “2”\nlines"), ("3", "")]
    write(tmp_path, b_tsv="text\tother\none\t1\n\ntwo,\t2\n")
    assert read("b.tsv", named=["text"]) == [("b.tsv:2", "one"), ("b.tsv:4", "two,")]


def test_csv_that_is_not_well_formed(tmp_path):
    write(tmp_path, a_csv=b'text,x\none,1\nfew\nmany,1,2\n"a"b,1\nca\xe9,1\nlast,1\n"open,1\nmore\n')
    assert read("a.csv", named=["text"]) == [
        ("a.csv:2", "one"),
        ("a.csv:3", "the row has 1 columns, but the header has 2."),
        ("a.csv:4", "the row has 3 columns, but the header has 2."),
        ("a.csv:5", "the row that begins in line 5 is not CSV: ',' expected after '\"'."),
        ("a.csv:6", "line 6 is not UTF-8 (the byte 0xe9 at 2). Save the file as UTF-8."),
        ("a.csv:7", "last"),
        ("a.csv:8", "the row that begins in line 8 is not CSV: unexpected end of data."),
    ]
    write(tmp_path, b_csv="text,text\n1,2\n", c_csv=b"caf\xe9,text\n1,2\n")
    with pytest.raises(OptionError, match=r"^'b.csv' has several columns 'text'\.$"):
        read("b.csv")
    assert read("c.csv") == [("c.csv:1", "line 1 is not UTF-8 (the byte 0xe9 at 3). Save the file as UTF-8.")]


def test_parquet(tmp_path):
    pq.write_table(pa.Table.from_pylist([{**row, "id": str(row["id"])} for row in ROWS]), "a.parquet", row_group_size=1)
    assert read("a.parquet") == [("r1", "one"), ("None", "two, “2”\nlines"), ("3", None)]
    write(tmp_path, b_parquet=b"no")
    with pytest.raises(InputError, match=r"^'b.parquet' cannot be read: "):
        read("b.parquet")


# ---- which column ---------------------------------------------------------------------------------------------------


def test_the_column_that_is_named(tmp_path):
    write(tmp_path, a_csv="id,review,stars\n1,good,5\n", b_csv="id,review\n1,good\n")
    assert read("a.csv", named=["review"]) == [("1", "good")]
    assert read("b.csv") == [("1", "good")]
    assert read("a.csv", named=["text=review", "text_pair=stars"]) == [("1", {"text": "good", "text_pair": "5"})]
    for named, said in {
        (): "say which column of 'a.csv' is the input: --field NAME, of id, review, stars.",
        ("revew",): "'a.csv' has no column 'revew'; it has: id, review, stars. Did you mean 'review'?",
        ("text=review", "text=stars"): "--field names the part 'text' twice.",
        ("review", "text=stars"): "--field names one column, or part=NAME for each part of an input; not both.",
    }.items():
        with pytest.raises(OptionError) as caught:
            read("a.csv", named=named)
        assert str(caught.value) == said


def test_ids_of_all_kinds(tmp_path):
    """Whatever it is, it is that of the row, and not its place."""
    day = dt.date(2026, 1, 2)
    rows = [{"id": each, "text": "a"} for each in (day, None)]
    pq.write_table(pa.Table.from_pylist(rows), "a.parquet")
    assert [name for name, _ in read("a.parquet")] == ["2026-01-02", "a.parquet:1"]
    ids = (True, [1, "b"], {"a": 1}, "", None, 0, 2.5)
    write(tmp_path, b_jsonl="".join(json.dumps({"id": each, "text": "a"}) + "\n" for each in ids))
    assert [name for name, _ in read("b.jsonl")] == [
        "true", '[1, "b"]', '{"a": 1}', "b.jsonl:4", "b.jsonl:5", "0", "2.5",
    ]  # fmt: skip


def test_the_keys_of_large_rows_are_those_of_the_first(tmp_path):
    """A file is not read twice to find its columns."""
    write(tmp_path, a_jsonl=json.dumps({"a": "x" * 2**20}) + '\n{"text": "b"}\n')
    assert column_names(tmp_path / "a.jsonl") == ["a"]
    assert read("a.jsonl")[1] == ("a.jsonl:2", "it has no 'a'; it has: text.")


def test_a_header_with_semicolons(tmp_path):
    write(tmp_path, a_csv="id;photo\n1;a\n")
    with pytest.raises(OptionError, match=r"it has: id;photo\. Its header holds semicolons; expected commas\.$"):
        read("a.csv", named=["photo"])


def test_a_column_is_missing_in_the_first_row_alone(tmp_path, monkeypatch):
    """It is a bad row as any other."""
    write(tmp_path, a_jsonl='{"id": 1}\n{"id": 2, "text": "a"}\n3\n{"title": "b", "text": "c"}\n')
    found = [("1", "it has no 'text'; it has: id."), ("2", "a")]
    found += [("a.jsonl:3", "line 3 of 'a.jsonl' must be a JSON object, but is 3."), ("a.jsonl:4", "c")]
    assert read("a.jsonl", named=["text"]) == read("a.jsonl") == found
    pair = ["text=text", "text_pair=title"]
    missing = "it has no 'title'; it has: id, text."
    assert read("a.jsonl", named=pair)[1:] == [("2", missing), found[2], ("a.jsonl:4", {"text": "c", "text_pair": "b"})]
    with (tmp_path / "a.jsonl").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert [text for _, text in read("-", named=["text"])] == [
            "it has no 'text'; it has: id.", "a", "line 3 of '-' must be a JSON object, but is 3.", "c",
        ]  # fmt: skip


def test_a_pair_in_columns_of_its_names(tmp_path):
    write(tmp_path, a_csv="text_pair,text\nb,a\n", b_csv="text,pair\na,b\n", c_csv="id,text,id\n1,a,2\n")
    assert read("a.csv") == [("a.csv:2", {"text": "a", "text_pair": "b"})]
    assert read("a.csv", named=["text"]) == [("a.csv:2", "a")]
    assert read("b.csv") == [("b.csv:2", "a")]
    write(tmp_path, d_jsonl='{"text": "a"}\n{"text": "b", "text_pair": "c"}\n{"text_pair": "d"}\n')
    assert [value for _, value in read("d.jsonl")] == [
        {"text": "a"}, {"text": "b", "text_pair": "c"}, "it has no 'text'; it has: text_pair.",
    ]  # fmt: skip
    with pytest.raises(OptionError, match=r"^'c.csv' has several columns 'id'\.$"):
        read("c.csv")


def test_a_task_of_several_parts(tmp_path):
    fields = ("question", "context")
    write(tmp_path, a_csv="question,context,q\nwho?,me,why?\n", b_txt="x\n", c_jsonl='{"question": "a"}\n')
    assert read("a.csv", fields=fields) == [("a.csv:2", {"question": "who?", "context": "me"})]
    named = ["question=q", "context=context"]
    assert read("a.csv", fields=fields, named=named) == [("a.csv:2", {"question": "why?", "context": "me"})]
    one = '{"question": "who?", "context": "me"}'
    assert read(one, fields=fields) == [("argument 1", {"question": "who?", "context": "me"})]
    parts = "it has: question, context. Did you mean 'question'?"
    kinds = ".jsonl, .ndjson, .csv, .tsv, .parquet"
    hint = "Name the column of each part: --field context=NAME."
    for argument, named, said in (
        ("x", (), 'an input is a JSON object, {"question": …, "context": …}, or a file of such; but got \'x\'.'),
        (
            "a.csv",
            ("question",),
            "an input of toy has several parts; name the column of each: --field question=NAME --field context=NAME.",
        ),
        ("a.csv", ("qestion=q",), f"'qestion' is not a part of an input of toy; {parts}"),
        ("b.txt", (), f"'b.txt' has no columns, and so no question, context; expected a file that ends in {kinds}."),
        ("c.jsonl", (), f"'c.jsonl' has no column 'context'; it has: question. {hint}"),
    ):
        with pytest.raises(OptionError) as caught:
            read(argument, fields=fields, named=named)
        assert str(caught.value) == said


# ---- images and recordings ------------------------------------------------------------------------------------------


def test_a_part_that_no_column_is_named_for(tmp_path):
    write(tmp_path, a_jsonl='{"text": "one", "b": "two"}\n')
    for given, fields, part in ((["text_pair=b"], (), "text"), (["q=b"], ("q", "text"), "text")):
        with pytest.raises(
            OptionError, match=f"^--field leaves out the part '{part}' of each input; add --field {part}="
        ):
            read("a.jsonl", named=given, fields=fields)
    assert read("a.jsonl", named=["text=b"]) == [("a.jsonl:1", {"text": "two"})]


def test_files_of_images(tmp_path):
    write(tmp_path, x__b_PNG="", x__a_jpg="", x__c_txt="", t_csv="image,label\nx/a.jpg,1\n,2\nhttps://x/y.png,3\n")
    with pytest.warns(ArchsmithWarning, match=r"files that are not images or tables are left out: 1 \.txt\."):
        found = read("x", inputs="image")
    assert [(name, value.name) for name, value in found] == [("x/a.jpg", "a.jpg"), ("x/b.PNG", "b.PNG")]
    assert [(name, str(value)) for name, value in read("t.csv", inputs="image")] == [
        ("t.csv:2", "x/a.jpg"),
        ("t.csv:3", "'image' must be the path of a file, but is ''."),
        ("t.csv:4", "'image' is a URL, 'https://x/y.png'; expected the path of a file."),
    ]
    with pytest.raises(OptionError, match=r"^there is no file 'x/a.jpeg' .* Did you mean 'x/a.jpg'\?$"):
        read("x/a.jpeg", inputs="image")
    with pytest.raises(OptionError, match=r"^there is no file 'a cat' "):
        read("a cat", inputs="image")


def test_files_inside_of_parquet(tmp_path):
    rows = [{"image": {"bytes": b"x", "path": "a.png"}}, {"image": {"bytes": None, "path": "b.png"}}, {"image": None}]
    pq.write_table(pa.Table.from_pylist(rows), "a.parquet")
    found = [value for _, value in read("a.parquet", inputs="image")]
    assert found == [rows[0]["image"], Path("b.png"), "'image' must be the path of a file, but is None."]


def test_paths_in_a_table_begin_where_it_is(tmp_path):
    write(tmp_path, x__t_jsonl='{"file": "a.wav"}\n{"file": 3}\n', y_txt="")
    found = read("x/t.jsonl", inputs="audio")
    assert [(name, str(value)) for name, value in found] == [
        ("x/t.jsonl:1", "x/a.wav"),
        ("x/t.jsonl:2", "'file' must be the path of a file, but is 3."),
    ]


# ---- standard input -------------------------------------------------------------------------------------------------


def test_standard_input(tmp_path, monkeypatch):
    def given(raw, **options):
        (tmp_path / "stdin").write_bytes(raw)
        with (tmp_path / "stdin").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            return read("-", **options)

    assert given(b"good film\n\nbad\r\n") == [("-:1", "good film"), ("-:3", "bad")]
    assert given(b"good film\n\nbad", whole=True) == [("-", "good film\n\nbad")]
    assert given(b'{"id": 7, "t": "good"}\n{"t": 1}\n', named=["t"]) == [("7", "good"), ("-:2", 1)]
    assert given(b'{"q": "a"}\n', fields=["q"]) == [("-:1", {"q": "a"})]
    assert given(b"x/a.png\n", inputs="image") == [("-:1", Path("x/a.png"))]
    with pytest.raises(OptionError, match=r"^standard input, '-', can be read once\.$"):
        read("-", "-")


@pytest.mark.parametrize("given", [{}, {"inputs": "image"}, {"fields": ["q"]}, {"named": ["t"]}, {"as_texts": True}])
def test_whole_without_effect_is_refused(tmp_path, given):
    write(tmp_path, t_csv="t,q\na,b\n", t_txt="a\nb")
    arguments = ["t.csv"] if given != {"as_texts": True} else ["t.txt"]
    with pytest.raises(OptionError, match=r"^--whole is for files of plain text, and there is none among the inputs"):
        read(*arguments, whole=True, **given)


def test_a_file_that_is_no_file(tmp_path):
    with pytest.raises(OptionError, match=r"^'/dev/null' is neither a file nor a folder\."):
        read("/dev/null")
    write(tmp_path, a_json="[]")
    with pytest.raises(OptionError, match=r"^'a.json' is JSON; expected JSON lines"):
        read("a.json")
