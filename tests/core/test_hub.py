"""The hub: what is asked of it, what is kept, and what each of its refusals is told; against one served on loopback."""

import base64
import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from archsmith import DistilBertConfig, DistilBertForMaskedLM
from archsmith.files.hub import HUB_ID, commit_of

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
FIRST, SECOND = "1" * 40, "2" * 40


class Hub(http.server.ThreadingHTTPServer):
    """Speaks what ``hf_hub_download`` asks for: ``/<owner>/<name>/resolve/<revision>/<file>``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits: dict[str, Path] = {}
        self.branches = {"main": FIRST}
        self.requests: list[tuple[str, str, str | None]] = []
        self.status: int | None = None
        self.token: str | None = None
        self.once: int | None = None
        self.after = lambda path: None
        self.made: dict[str, dict] = {}
        self.held: dict[str, dict[str, bytes]] = {"main": {}}
        self.pushed: list[dict] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_POST(self):
        """Speak what an upload asks for: a repository, a branch, how to send files, and the commit itself."""
        hub, path = self.server, self.path.partition("?")[0]
        hub.requests.append((self.command, self.path, self.headers.get("Authorization")))
        lines = [json.loads(line) for line in self.rfile.read(int(self.headers["Content-Length"])).splitlines()]
        if hub.status:
            return self.refuse(hub.status)
        if path == "/api/repos/create":
            hub.made.setdefault("toys/mine", lines[0])
            return self.tell({"url": f"{hub.url}/toys/mine"})
        *_, action, revision = path.split("/")
        if action == "branch":
            hub.held.setdefault(revision, {})
            return self.tell({})
        if action == "preupload":
            return self.tell(
                {"files": [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in lines[0]["files"]]}
            )
        assert path == f"/api/models/toys/mine/commit/{revision}"
        for line in lines[1:]:
            if line["key"] == "deletedFile":
                del hub.held[revision][line["value"]["path"]]
            else:
                hub.held[revision][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        hub.pushed.append({"revision": revision, "pr": "create_pr=1" in self.path, **lines[0]["value"]})
        return self.tell(
            {"commitUrl": f"{hub.url}/toys/mine/commit/{FIRST}", "commitOid": FIRST, "pullRequestUrl": None}
        )

    def tell(self, said):
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        if self.path.startswith("/api/models/toys/mine/tree/"):
            held = self.server.held[self.path.partition("?")[0].rpartition("/")[2]]
            return self.tell([{"type": "file", "path": name, "size": 1, "oid": FIRST} for name in held])
        return self.answer(body=True)

    def refuse(self, status, code=None, **headers):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, *, body):  # noqa: PLR0911
        hub = self.server
        hub.requests.append((self.command, self.path, self.headers.get("Authorization")))
        owner, name, _, revision, *rest = self.path.strip("/").split("/")
        if hub.once and self.command == "GET":
            status, hub.once = hub.once, None
            return self.refuse(status)
        if hub.status:
            return self.refuse(hub.status)
        if name == "gated":
            return self.refuse(403, "GatedRepo")
        if f"{owner}/{name}" != "toys/small":
            return self.refuse(401, "RepoNotFound")
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.refuse(401, "RepoNotFound")
        commit = hub.branches.get(revision, revision)
        if commit not in hub.commits:
            return self.refuse(404, "RevisionNotFound")
        file = hub.commits[commit] / "/".join(rest)
        if not file.is_file():
            return self.refuse(404, "EntryNotFound", X_Repo_Commit=commit)
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)
        hub.after(self.path)
        return None


@pytest.fixture
def hub(tmp_path):
    served = Hub()
    for commit, dropout in ((FIRST, 0.1), (SECOND, 0.9)):
        folder = tmp_path / "served" / commit
        model = DistilBertForMaskedLM(DistilBertConfig(**CONFIG, dropout=dropout))
        model.save_pretrained(folder)
        model.save_pretrained(folder / "inner" / "most", max_shard_size=2000)
        served.commits[commit] = folder
    thread = threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


class Caller:
    """Runs code in a process of its own, because the hub's library reads its variables when it is imported."""

    def __init__(self, hub, tmp_path):
        self.hub, self.cache, self.folder = hub, tmp_path / "cache", tmp_path / "cwd"
        self.folder.mkdir()

    def __call__(self, code, **variables):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "HF_HOME": str(self.cache),
            "HF_ENDPOINT": self.hub.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_ETAG_TIMEOUT": "3",
            **variables,
        }
        script = (
            "import time, warnings; warnings.simplefilter('ignore')\n"
            "time.sleep = lambda seconds: None  # the hub's library tries again after a while, and again\n"
            "from archsmith import *\n"
            "from archsmith import AutoModelForMaskedLM, DistilBertConfig, ArchsmithError\n"
            "from archsmith.files.checkpoint import Checkpoint\n"
            "def told(call):\n"
            "    try:\n"
            "        call()\n"
            "    except ArchsmithError as error:\n"
            "        print(type(error).__name__, error, sep=': ')\n"
            "    else:\n"
            "        print('no error')\n" + textwrap.dedent(code)
        )
        run = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.splitlines()


@pytest.fixture
def call(hub, tmp_path):
    return Caller(hub, tmp_path)


def test_loading_and_what_is_kept(hub, call):
    load = """
        config = AutoConfig.from_pretrained("toys/small", **options)
        model = AutoModelForMaskedLM.from_pretrained("toys/small", **options)
        print(type(config).__name__, type(model).__name__, model.config.dropout)
        """
    found = ["DistilBertConfig DistilBertForMaskedLM 0.1"]
    assert call("options = {}" + textwrap.dedent(load)) == found
    asked = [path.rpartition("/")[2] for method, path, _ in hub.requests if method == "GET"]
    assert asked == ["config.json", "model.safetensors"]
    assert all(token is None for *_, token in hub.requests)
    hub.requests.clear()
    assert call("options = {'local_files_only': True}" + textwrap.dedent(load)) == found
    assert call("options = {}" + textwrap.dedent(load), HF_HUB_OFFLINE="1") == found
    assert hub.requests == []
    hub.status = 500
    assert call("options = {}" + textwrap.dedent(load)) == found  # from the cache, as far as it reaches
    hub.status = None
    index = call.cache.joinpath(f"hub/models--toys--small/.no_exist/{FIRST}/model.safetensors.index.json")
    index.unlink()  # a cache that another program filled does not know what the repository lacks
    assert call("options = {}" + textwrap.dedent(load), HF_HUB_OFFLINE="1") == found
    hub.status = 500
    assert call("options = {}" + textwrap.dedent(load)) == found  # weights in one file need no index
    hub.status = None


def test_all_files_come_from_one_commit(hub, call):
    def move(path):
        if path.endswith("config.json") and "GET" in [method for method, *_ in hub.requests]:
            hub.branches["main"] = SECOND

    hub.after = move
    lines = call("""
        checkpoint = Checkpoint.open("toys/small")
        checkpoint.path("config.json"), checkpoint.path("model.safetensors")
        print(checkpoint.find("config.json").parent == checkpoint.find("model.safetensors").parent)
        print(checkpoint.revision)
        """)
    assert lines == ["True", FIRST]


def test_revisions_subfolders_and_tokens(hub, call):
    hub.branches["next"] = SECOND
    hub.token = "secret"
    lines = call(f"""
        load = AutoModelForMaskedLM.from_pretrained
        print(load("toys/small", revision="next", token="secret").config.dropout)
        print(load("toys/small", revision={SECOND!r}, token="secret").config.dropout)
        model = load("toys/small", subfolder="inner/most", token="secret", cache_dir="snapshots/of/mine")
        print(model.config.dropout)
        print(DistilBertConfig.from_pretrained("toys/small", token="secret", dropout=0.3).dropout)
        """)
    assert lines == ["0.9", "0.9", "0.1", "0.3"]
    assert {token for *_, token in hub.requests} == {"Bearer secret"}
    assert (call.folder / "snapshots" / "of" / "mine" / "models--toys--small").is_dir()
    pinned = {path.split("/")[4] for _, path, _ in hub.requests if path.endswith(".safetensors")}
    assert pinned == {FIRST, SECOND}


def test_what_is_not_there(hub, call):
    (hub.commits[SECOND] / "model.safetensors").unlink()
    (hub.commits[SECOND] / "pytorch_model.bin").write_bytes(b"\x80")
    lines = call(f"""
        load = AutoModelForMaskedLM.from_pretrained
        print(Checkpoint.open("toys/small").find("vocab.txt"))
        told(lambda: Checkpoint.open("toys/small").path("vocab.txt"))
        told(lambda: load("toys/nothing"))
        told(lambda: load("toys/gated"))
        told(lambda: load("toys/small", revision="v9"))
        told(lambda: load("toys/small", subfolder="none"))
        told(lambda: load("toys/small", revision={SECOND!r}))
        told(lambda: load("toys--small"))
        """)
    assert lines == [
        "None",
        "CheckpointNotFound: 'toys/small' has no file 'vocab.txt'.",
        (
            f"CheckpointNotFound: 'toys/nothing' is neither a local folder (working directory: {call.folder}) nor a "
            "repository on the hub that can be seen with this token."
        ),
        "CheckpointNotFound: 'toys/gated' is gated on the hub; pass a token that has access.",
        "CheckpointNotFound: 'toys/small' on the hub has no revision 'v9'.",
        "CheckpointNotFound: 'toys/small', subfolder 'none' has no file 'config.json'.",
        (
            "CheckpointNotFound: 'toys/small' has no weights: "
            "expected model.safetensors or model.safetensors.index.json. "
            "It has pytorch_model.bin, a pickle, which can run code when it is read; it is not loaded. "
            "Make safetensors of it, in a process with limits: archsmith convert FILE OUT"
        ),
        *lines[7:],
    ]
    where = f"there is no folder 'toys--small' (working directory: {call.folder})"
    assert lines[7] == f"CheckpointNotFound: {where}, and {NO_ID}"


def test_a_hub_that_does_not_answer(hub, call):
    ask = 'told(lambda: AutoModel.from_pretrained("toys/small"))'
    begin = "HubError: 'config.json' of 'toys/small' is not in the hub's cache, and the hub could not be asked"
    hub.status = 500
    (line,) = call(ask)
    assert line.startswith(f"{begin} (HfHubHTTPError: ")
    assert line.endswith("There is no local folder of that name either.")
    (line,) = call(ask, HF_ENDPOINT="http://127.0.0.1:9")
    assert line.startswith(f"{begin} (ConnectError: ")
    assert call(ask, HF_HUB_OFFLINE="1") == [
        f"{begin} (HF_HUB_OFFLINE is set). There is no local folder of that name either."
    ]
    assert call('told(lambda: AutoModel.from_pretrained("toys/small", local_files_only=True))') == [
        f"{begin} (local_files_only is set). There is no local folder of that name either."
    ]


SOCKETS = """
        import sys
        def refuse(event, args): assert not event.startswith("socket."), event
        sys.addaudithook(refuse)
        """


NO_ID = (
    "it is not a valid hub id: expected 'name' or 'owner/name', of letters, digits, '-', '_' and '.', without '--', "
    "'..' or '.git', at most 96 characters."
)
NO_IDS = [
    "my model!!", "mödel", "a\nb", "a\n", "a:b", "a\\b", "a/b/c", "org/", "org//x", "org/x/", "x.git", "a--b", "-a",
    "a/.b", "a/..", "a/-b", "a./b", "x" * 97,
]  # fmt: skip


def test_what_is_no_hub_id_is_told_without_the_hub(hub, call):
    lines = call(SOCKETS + f"for source in {NO_IDS!r}: told(lambda: AutoModel.from_pretrained(source))")
    for source, line in zip(NO_IDS, lines, strict=True):
        shown = repr(source) if len(repr(source)) <= 80 else repr(source)[:77] + "..."
        where = f"there is no folder {shown} (working directory: {call.folder})"
        assert line == f"CheckpointNotFound: {where}, and {NO_ID}"
    assert hub.requests == []


@pytest.mark.parametrize("source", ["gpt2", "a/b", "Org-1/My_model.v2", "x" * 96, "1", "a-b/c", "_a/b_", "a.b-c/d"])
def test_valid_ids(source):
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(source)
    assert HUB_ID.fullmatch(source)


def test_what_is_a_path_never_leads_to_the_hub(hub, call):
    (call.folder / "runs" / "my-model").mkdir(parents=True)
    (call.folder / "small").mkdir()
    paths = {
        "./my-modle": "",
        "./runs/my-modle": " Did you mean './runs/my-model'?",
        "./rusn/my-model": " Did you mean './runs/my-model'?",
        "~/runs/My-Model": f" Did you mean {str(call.folder / 'runs' / 'my-model')!r}?",
        "../elsewhere": "",
        "/no/such": "",
        "C:\\models\\x": "",
        ".\\x": "",
    }
    lines = call(SOCKETS + f"for path in {list(paths)!r}: told(lambda: AutoModel.from_pretrained(path))")
    where = f"(working directory: {call.folder})"
    assert lines == [f"CheckpointNotFound: there is no folder {path!r} {where}.{hint}" for path, hint in paths.items()]
    lines = call(
        SOCKETS
        + """
        told(lambda: AutoModel.from_pretrained("runs/my-modle"))
        """
    )
    begin = f"{where}, and the hub is not asked for it because 'runs' is a folder here."
    end = 'If the repository on the hub is meant, pass revision="main".'
    assert lines == [
        f"CheckpointNotFound: there is no folder 'runs/my-modle' {begin} Did you mean './runs/my-model'? {end}",
    ]
    assert hub.requests == []
    (call.folder / "toys").mkdir()
    lines = call("""
        told(lambda: AutoModelForMaskedLM.from_pretrained("toys/small"))
        told(lambda: AutoModelForMaskedLM.from_pretrained("toys/small", revision="main"))
        """)
    assert lines == ["no error", "no error"]  # the folder holds nothing that it could be a misspelling of


def test_a_near_folder_is_named_where_the_hub_has_no_such_repository(hub, call):
    (call.folder / "my-model").mkdir()
    lines = call(
        'told(lambda: AutoModel.from_pretrained("acme/my-model")); told(lambda: AutoModel.from_pretrained("a/b"))'
    )
    assert lines[0].endswith("nor a repository on the hub that can be seen with this token. Did you mean './my-model'?")
    assert lines[1].endswith("that can be seen with this token.")


@pytest.mark.parametrize("status", [None, 429, 503])
def test_a_hub_that_does_not_answer_is_asked_once_and_in_silence(hub, call, status):
    (call.folder / "my-model").mkdir()
    hub.status = status
    ask = """
        import sys
        def wait(seconds): raise SystemExit("it waits")
        time.sleep, sys.stderr = wait, sys.stdout
        told(lambda: AutoConfig.from_pretrained("acme/my-modle"))
        """
    [line] = call(ask) if status else call(ask, HF_ENDPOINT="http://127.0.0.1:9")
    assert line.startswith("HubError: 'config.json' of 'acme/my-modle' is not in the hub's cache, and the hub could ")
    assert line.endswith("There is no local folder of that name either. Did you mean './my-model'?")
    assert len(hub.requests) == (1 if status else 0)


@pytest.mark.parametrize("asked_for", ["", "huggingface_hub.logging.set_verbosity_info()"])
def test_retries_of_a_download_are_told_only_if_asked_for(hub, call, asked_for):
    hub.once = 429
    lines = call(f"""
        import sys
        sys.stderr = sys.stdout
        import huggingface_hub
        {asked_for}
        print(type(AutoConfig.from_pretrained("toys/small")).__name__)
        """)
    assert lines[-1] == "DistilBertConfig"
    assert any("[Retry 1/" in line for line in lines) == bool(asked_for)
    assert asked_for or len(lines) == 1


def test_a_part_of_a_repository_in_the_cache(hub, call):
    call('AutoConfig.from_pretrained("toys/small")')
    ask = 'told(lambda: AutoModel.from_pretrained("toys/small"))'
    assert call(ask, HF_HUB_OFFLINE="1") == [
        (
            "CheckpointNotFound: 'toys/small' has no weights: "
            "expected model.safetensors or model.safetensors.index.json. "
            "The hub was not asked, only its cache, which may hold a part of the repository."
        )
    ]
    hub.status = 500
    (line,) = call(ask)
    assert line.startswith("HubError: 'model.safetensors' of 'toys/small' is not in the hub's cache, and the hub could")


def test_a_damaged_file_on_the_hub(hub, call):
    (hub.commits[FIRST] / "config.json").write_text("{")
    (line,) = call('told(lambda: AutoModel.from_pretrained("toys/small"))')
    assert line.startswith("CheckpointCorrupt: ")
    assert "is not JSON" in line


def test_a_local_folder_wins_and_opens_no_socket(hub, call):
    shutil.copytree(hub.commits[SECOND], call.folder / "toys" / "small")
    lines = call("""
        import sys
        def refuse(event, args): assert not event.startswith("socket."), event
        sys.addaudithook(refuse)
        print(AutoModelForMaskedLM.from_pretrained("toys/small").config.dropout)
        told(lambda: AutoModelForMaskedLM.from_pretrained("toys/small", subfolder="none"))
        told(lambda: AutoModelForMaskedLM.from_pretrained("./toys/nothing"))
        """)
    assert lines == [
        "0.9",
        (
            "CheckpointNotFound: 'toys/small', subfolder 'none' has no file 'config.json'. "
            "There is no such subfolder; there is: inner."
        ),
        f"CheckpointNotFound: there is no folder './toys/nothing' (working directory: {call.folder}).",
    ]
    assert hub.requests == []


@pytest.mark.parametrize(
    ("path", "subfolder", "commit"),
    [
        ("/c/models--a--b/snapshots/abc/config.json", "", "abc"),
        ("/c/snapshots/x/models--a--b/snapshots/abc/config.json", "", "abc"),
        ("/c/models--a--b/snapshots/abc/in/most/config.json", "in/most", "abc"),
        ("/c/models--a--b/snapshots/abc/snapshots/config.json", "snapshots", "abc"),
        ("/c/elsewhere/abc/config.json", "", None),
        ("config.json", "", None),
    ],
)
def test_the_commit_of_a_file_in_the_cache(path, subfolder, commit):
    assert commit_of(Path(path), subfolder) == commit


# ---- uploads ----------------------------------------------------------------------------------------------------

SMALL = f"""
        model = AutoModelForMaskedLM.from_config(DistilBertConfig(**{CONFIG!r}))"""


TOKENIZER = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]


def test_uploads_of_every_kind_of_object(hub, call, tmp_path):
    (call.folder / "words.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    hub.held["main"] |= dict.fromkeys(
        ["README.md", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "in/model.safetensors"], b"x"
    )
    lines = call(
        SMALL
        + """
        warnings.simplefilter("always", ArchsmithWarning)
        import sys; sys.stderr = sys.stdout
        from archsmith import BertTokenizer, ViTImageProcessor, Wav2Vec2FeatureExtractor, Processor
        print(model.push_to_hub("toys/mine", private=True, token="secret", commit_message="First"))
        tokenizer = BertTokenizer("words.txt")
        processor = Processor(tokenizer=tokenizer, image_processor=ViTImageProcessor())
        for each in (tokenizer, model.config, ViTImageProcessor(), Wav2Vec2FeatureExtractor(), processor):
            each.push_to_hub("toys/mine", revision=type(each).__name__, token="secret")
        """
    )
    assert lines[0].endswith(
        "ArchsmithWarning: 'toys/mine': deleted, as they belong to what was saved there before: "
        "model-00001-of-00002.safetensors, model.safetensors.index.json."
    )
    assert lines[-1] == f"{hub.url}/toys/mine/commit/{FIRST}"
    assert "private" in json.dumps(hub.made["toys/mine"])  # its versions say it in two ways
    assert {name: sorted(held) for name, held in hub.held.items()} == {
        "main": ["README.md", "config.json", "in/model.safetensors", "model.safetensors"],
        "BertTokenizer": TOKENIZER,
        "DistilBertConfig": ["config.json"],
        "ViTImageProcessor": ["preprocessor_config.json"],
        "Wav2Vec2FeatureExtractor": ["preprocessor_config.json"],
        "Processor": ["preprocessor_config.json", "processor_config.json", *TOKENIZER],
    }
    first, config = hub.pushed[0], hub.pushed[2]
    assert (first["summary"], config["summary"]) == ("First", "Upload config.json")
    assert {token for method, _, token in hub.requests if method == "POST"} == {"Bearer secret"}
    for name, content in hub.held["main"].items():
        (tmp_path / "again" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "again" / name).write_bytes(content)
    assert DistilBertForMaskedLM.from_pretrained(tmp_path / "again").config.vocab_size == 30  # of one save


def test_a_save_that_is_uploaded_too(hub, call):
    lines = call(
        SMALL
        + """
        model.save_pretrained("mine", push_to_hub=True, repo_id="toys/mine", create_pr=True, max_shard_size=2000)
        model.config.save_pretrained("mine/config", push_to_hub=True, repo_id="toys/mine", commit_message="x")
        """
    )
    assert lines == []
    for name, content in hub.held["main"].items():
        folder = call.folder / ("mine/config" if name == "config.json" else "mine")
        assert (folder / name).read_bytes() == content
    assert len(hub.held["main"]) > 4
    assert [push["pr"] for push in hub.pushed] == [True, False]


def test_uploads_that_are_refused(hub, call):
    ask = """
        for repo in ("a/b/c", "", None, "my model"):
            told(lambda: model.push_to_hub(repo))
        told(lambda: model.push_to_hub("toys/mine", max_shard_sise=3))
        told(lambda: model.save_pretrained("my model", push_to_hub=True))
        told(lambda: model.save_pretrained("x", repo_id="toys/mine"))
        told(lambda: model.push_to_hub("toys/mine", safe_serialization=False))
        """
    named = "OptionError: repo_id must name a repository, as 'owner/name', but is {!r}."
    assert call(SMALL + ask) == [
        *(named.format(repo) for repo in ("a/b/c", "", None, "my model")),
        "OptionError: 'max_shard_sise' is not an option of DistilBertForMaskedLM. Did you mean 'max_shard_size'?",
        named.format("my model"),
        "OptionError: repo_id='toys/mine' cannot be had here. Pass push_to_hub=True with it.",
        (
            "OptionError: safe_serialization=False cannot be had here. Leave it out: weights are always written as "
            "safetensors files."
        ),
    ]
    assert not (call.folder / "x").exists()
    assert hub.requests == []
    push = """
        told(lambda: model.push_to_hub("toys/mine"))"""
    hub.status = 403
    (line,) = call(SMALL + push)
    assert line.startswith("HubError: nothing was uploaded to 'toys/mine': HfHubHTTPError: ")
    (line,) = call(SMALL + push, HF_HUB_OFFLINE="1")
    assert line.startswith("HubError: nothing was uploaded to 'toys/mine': OfflineModeIsEnabled: ")
    assert hub.pushed == []
