"""Files that are carried along: a model's generation_config.json, and the chat_template.jinja of what reads texts."""

import json
import os

import pytest

from archsmith import (
    AutoModel,
    AutoProcessor,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    BertTokenizerFast,
    Processor,
    ViTConfig,
    ViTImageProcessor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
)
from archsmith.errors import ArchsmithWarning, CheckpointCorrupt, OptionError, SaveFailed
from archsmith.files import pretrained

SMALL = {
    "vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
CHAT, GENERATION = "chat_template.jinja", "generation_config.json"
MORE = "additional_chat_templates"
TEMPLATE = "{% for m in messages %}{{ m.content }}\r\n{% endfor %}é".encode()
SETTINGS = b'{"max_length": 20, "unknown": [1, 2]}'


def tokenizer(tmp_path, kind=BertTokenizer):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("\n".join(WORDS) + "\n")
    return kind(vocab_file=str(vocabulary))


def test_a_model_carries_its_generation_settings(tmp_path):
    model = BertModel(BertConfig(**SMALL))
    model.save_pretrained(tmp_path / "one")
    assert model.side_files == {}
    (tmp_path / "one" / GENERATION).write_bytes(SETTINGS)
    (tmp_path / "one" / CHAT).write_bytes(TEMPLATE)  # a tokenizer's: no file of a model
    (tmp_path / "one" / "notes.txt").write_text("nothing of ours")
    for load in (BertModel.from_pretrained, AutoModel.from_pretrained):
        loaded = load(tmp_path / "one")
        assert loaded.side_files == {GENERATION: SETTINGS}
        loaded.save_pretrained(tmp_path / load.__self__.__name__)
        written = {path.name for path in (tmp_path / load.__self__.__name__).iterdir()}
        assert written == {"config.json", "model.safetensors", GENERATION}
        assert (tmp_path / load.__self__.__name__ / GENERATION).read_bytes() == SETTINGS
    loaded.save_pretrained(tmp_path / "shards", max_shard_size=2000)
    assert (tmp_path / "shards" / GENERATION).read_bytes() == SETTINGS


def test_what_is_taken_out_is_deleted_and_what_is_changed_is_written(tmp_path):
    model = BertModel(BertConfig(**SMALL))
    model.side_files[GENERATION] = SETTINGS
    model.save_pretrained(tmp_path)
    loaded = BertModel.from_pretrained(tmp_path)
    loaded.side_files[GENERATION] = b"{}"
    loaded.save_pretrained(tmp_path)
    assert (tmp_path / GENERATION).read_bytes() == b"{}"
    with pytest.warns(ArchsmithWarning, match=f"{GENERATION}' is deleted: it belongs to what was saved there before"):
        BertModel(BertConfig(**SMALL)).save_pretrained(tmp_path)  # another model
    assert not (tmp_path / GENERATION).exists()


@pytest.mark.parametrize("kind", [BertTokenizer, BertTokenizerFast])
def test_a_tokenizer_carries_its_chat_template(tmp_path, kind):
    tokenizer(tmp_path, kind).save_pretrained(tmp_path / "one")
    (tmp_path / "one" / CHAT).write_bytes(TEMPLATE)
    (tmp_path / "one" / GENERATION).write_bytes(SETTINGS)
    for load in (kind.from_pretrained, AutoTokenizer.from_pretrained):
        loaded = load(tmp_path / "one")
        assert loaded.side_files == {CHAT: TEMPLATE}
        files = loaded.save_pretrained(tmp_path / load.__self__.__name__)
        assert str(tmp_path / load.__self__.__name__ / CHAT) in files
        assert (tmp_path / load.__self__.__name__ / CHAT).read_bytes() == TEMPLATE
        assert not (tmp_path / load.__self__.__name__ / GENERATION).exists()
    loaded.side_files.clear()
    with pytest.warns(
        ArchsmithWarning, match=f"{CHAT}' is deleted: it belongs to what was saved there before. To keep it"
    ):
        loaded.save_pretrained(tmp_path / "one")
    assert not (tmp_path / "one" / CHAT).exists()
    assert (tmp_path / "one" / GENERATION).exists()  # which no tokenizer has ever written


def test_a_processor_shares_the_template_with_its_tokenizer(tmp_path):
    (tmp_path / "vocab.json").write_text('{"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5}')
    texts = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    processor = Wav2Vec2Processor(feature_extractor=Wav2Vec2FeatureExtractor(), tokenizer=texts)
    processor.side_files[CHAT] = TEMPLATE
    assert texts.side_files == {CHAT: TEMPLATE}
    processor.save_pretrained(tmp_path / "one")
    for load in (Wav2Vec2Processor.from_pretrained, AutoProcessor.from_pretrained):
        loaded = load(tmp_path / "one")
        assert loaded.side_files == {CHAT: TEMPLATE}
        del loaded.tokenizer.side_files[CHAT]
        loaded.save_pretrained(tmp_path / "two")
        assert not (tmp_path / "two" / CHAT).exists()


def test_a_processor_without_a_tokenizer_carries_it_itself(tmp_path):
    Processor(image_processor=ViTImageProcessor()).save_pretrained(tmp_path)
    (tmp_path / CHAT).write_bytes(TEMPLATE)
    ViTConfig().save_pretrained(tmp_path)
    loaded = Processor.from_pretrained(tmp_path)
    assert loaded.side_files == {CHAT: TEMPLATE}
    loaded.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / CHAT).read_bytes() == TEMPLATE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"\xff\xfe"), "is not UTF-8 text. Restore or delete it."),
        (lambda path: path.write_bytes(b" " * (2**20 + 1)), "is larger than 1,048,576 bytes"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere"),
    ],
)
def test_what_is_no_side_file(tmp_path, make, message):
    BertModel(BertConfig(**SMALL)).save_pretrained(tmp_path)
    tokenizer(tmp_path).save_pretrained(tmp_path)
    make(tmp_path / GENERATION)
    make(tmp_path / CHAT)
    for load, name in ((BertModel.from_pretrained, GENERATION), (BertTokenizer.from_pretrained, CHAT)):
        with pytest.raises(CheckpointCorrupt, match=message) as error:
            load(tmp_path)
        assert name in str(error.value)


def test_the_largest_one(tmp_path):
    model = BertModel(BertConfig(**SMALL))
    model.side_files[GENERATION] = b" " * 2**20
    model.save_pretrained(tmp_path)
    assert BertModel.from_pretrained(tmp_path).side_files == model.side_files


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (CHAT, b"", "BertModel does not carry 'chat_template.jinja' along, only generation_config.json. Take it out"),
        ("../x", b"", "does not carry '../x' along"),
        (1, b"", "does not carry 1 along"),
        (GENERATION, "text", "must be UTF-8 bytes, at most 1 MiB, but is 'text'"),
        (GENERATION, b"\xff", "must be UTF-8 bytes, at most 1 MiB"),
        (GENERATION, b" " * (2**20 + 1), "must be UTF-8 bytes, at most 1 MiB"),
    ],
)
def test_what_no_save_takes(tmp_path, name, content, message):
    model = BertModel(BertConfig(**SMALL))
    model.side_files[name] = content
    with pytest.raises(OptionError, match=message):
        model.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    model = BertModel(BertConfig(**SMALL))
    model.side_files[GENERATION] = SETTINGS
    model.save_pretrained(tmp_path)
    model.side_files[GENERATION] = b"{}"
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").mkdir()
    with pytest.raises(SaveFailed):
        model.save_pretrained(tmp_path)
    assert (tmp_path / GENERATION).read_bytes() == SETTINGS


def test_a_load_beside_a_save_takes_all_from_one_of_them(tmp_path, monkeypatch):
    model = BertModel(BertConfig(**SMALL))
    model.side_files[GENERATION] = b"old"
    model.save_pretrained(tmp_path)
    other = BertModel(BertConfig(**SMALL))
    other.side_files[GENERATION] = b"new"
    read, saves = pretrained.read_bytes, []

    def racing(*args, **kwargs):
        if not saves:
            saves.append(other.save_pretrained(tmp_path))
        return read(*args, **kwargs)

    monkeypatch.setattr(pretrained, "read_bytes", racing)
    loaded = BertModel.from_pretrained(tmp_path)
    assert loaded.side_files == {GENERATION: b"new"}
    weight = "embeddings.word_embeddings.weight"
    assert loaded.get_parameter(weight).equal(other.get_parameter(weight))


@pytest.mark.parametrize("kind", [BertTokenizer, BertTokenizerFast])
def test_a_chat_template_that_is_assigned_is_saved(tmp_path, kind):
    one = tokenizer(tmp_path, kind)
    assert one.chat_template is None
    one.chat_template = "{{ messages }}"
    one.save_pretrained(tmp_path / "one")
    assert (tmp_path / "one" / CHAT).read_bytes() == b"{{ messages }}"
    again = kind.from_pretrained(tmp_path / "one")
    assert again.chat_template == "{{ messages }}"
    again.chat_template = None
    assert again.side_files == {}
    with pytest.raises(OptionError, match="chat_template must be a text or None, or map names to texts, but is 5"):
        one.chat_template = 5


def test_a_chat_template_of_older_files(tmp_path):
    tokenizer(tmp_path).save_pretrained(tmp_path / "one")
    file = tmp_path / "one" / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": "old"}))
    loaded = BertTokenizer.from_pretrained(tmp_path / "one")
    assert loaded.chat_template == "old"
    loaded.chat_template = "new"
    loaded.save_pretrained(tmp_path / "two")
    assert "chat_template" not in json.loads((tmp_path / "two" / "tokenizer_config.json").read_text())
    assert BertTokenizer.from_pretrained(tmp_path / "two").chat_template == "new"


NAMED = {"default": "{{ 1 }}", "tool_use": "{{ 2 }}"}
LISTED = [{"name": name, "template": text} for name, text in NAMED.items()]


def write_templates(folder, *, config=None, file=None, **more):
    """Write a tokenizer whose templates are in one place or several."""
    if config is not None:
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": config}))
    if file is not None:
        (folder / CHAT).write_text(file)
    for name, text in more.items():
        (folder / MORE).mkdir(exist_ok=True)
        (folder / MORE / f"{name}.jinja").write_text(text)


@pytest.mark.parametrize(
    "where",
    [
        {"config": LISTED},
        {"config": LISTED, "file": "{{ 1 }}\n"},
        {"config": LISTED[1:], "file": "{{ 1 }}"},
        {"file": "{{ 1 }}", "tool_use": "{{ 2 }}"},
        {"config": "{{ 1 }}", "file": "{{ 1 }}", "tool_use": "{{ 2 }}", "default": "{{ 1 }}\n"},
    ],
)
@pytest.mark.parametrize("kind", [BertTokenizer, BertTokenizerFast])
def test_chat_templates_with_names(tmp_path, where, kind):
    tokenizer(tmp_path, kind).save_pretrained(tmp_path / "one")
    write_templates(tmp_path / "one", **where)
    loaded = kind.from_pretrained(tmp_path / "one")
    assert loaded.chat_template == NAMED
    loaded.save_pretrained(tmp_path / "two")
    assert sorted(path.name for path in (tmp_path / "two").glob("*.jinja")) == []
    assert kind.from_pretrained(tmp_path / "two").chat_template == NAMED
    loaded.chat_template = "{{ 3 }}"
    loaded.save_pretrained(tmp_path / "two")
    assert kind.from_pretrained(tmp_path / "two").chat_template == "{{ 3 }}"


def test_one_chat_template_in_two_places(tmp_path):
    tokenizer(tmp_path).save_pretrained(tmp_path)
    write_templates(tmp_path, config="{{ 1 }}", file="{{ 1 }}\n")
    assert BertTokenizer.from_pretrained(tmp_path).chat_template == "{{ 1 }}\n"


@pytest.mark.parametrize("config", ["a", LISTED])
def test_of_two_chat_templates_the_newer_place_goes_first(tmp_path, config):
    tokenizer(tmp_path).save_pretrained(tmp_path)
    write_templates(tmp_path, config=config, file="b")
    with pytest.warns(
        ArchsmithWarning, match=f"the chat template in {CHAT} is used, and not the other one in tokenizer_config.json"
    ):
        loaded = BertTokenizer.from_pretrained(tmp_path)
    assert loaded.chat_template == ("b" if config == "a" else NAMED | {"default": "b"})
    loaded.save_pretrained(tmp_path / "again")
    assert BertTokenizer.from_pretrained(tmp_path / "again").chat_template == loaded.chat_template


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"config": LISTED, "tool_use": "b"},
         "'tool_use' in tokenizer_config.json is not the one in additional_chat_templates/tool_use.jinja."),
        ({"file": "a", "default": "b"},
         f"'default' in {CHAT} is not the one in additional_chat_templates/default.jinja."),
        ({"config": 5}, "must be a text, or a list of objects with name and template, but is 5."),
        ({"config": ["a"]}, "must be a text, or a list of objects with name and template, but is ['a']."),
        ({"config": [{"name": "a"}]}, "or a list of objects with name and template, but is [{'name': 'a'}]."),
    ],
)  # fmt: skip
def test_chat_templates_that_contradict_each_other(tmp_path, where, said):
    tokenizer(tmp_path).save_pretrained(tmp_path)
    write_templates(tmp_path, **where)
    with pytest.raises(CheckpointCorrupt) as error:
        BertTokenizer.from_pretrained(tmp_path)
    assert said in str(error.value)


def test_a_save_does_not_bring_other_chat_templates_back(tmp_path):
    tokenizer(tmp_path).save_pretrained(tmp_path)
    write_templates(tmp_path, file="{{ 1 }}", tool_use="{{ 2 }}")
    loaded = BertTokenizer.from_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match=f"{CHAT}' is deleted"):  # it is in tokenizer_config.json now
        loaded.save_pretrained(tmp_path)
    assert BertTokenizer.from_pretrained(tmp_path).chat_template == NAMED
    for template in (None, "{{ 1 }}", NAMED | {"tool_use": "{{ 3 }}"}):
        loaded.chat_template = template
        with pytest.raises(
            SaveFailed, match=r"tool_use.jinja' is another chat template than this tokenizer's, which is"
        ):
            loaded.save_pretrained(tmp_path)
    assert BertTokenizer.from_pretrained(tmp_path).chat_template == NAMED
