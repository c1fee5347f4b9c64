"""What is set on a configuration although it is no field, and the names that the field has on every one."""

import copy
import json
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from archsmith import (
    AutoConfig,
    BertConfig,
    DistilBertConfig,
    DistilBertModel,
    MaskFormerConfig,
    PreTrainedConfig,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
)
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError, UnknownField

SMALL = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}


def said_by(act) -> list[str]:
    """Return what an act announces, each time that it does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [str(each.message) for each in caught]


# ---- what is set --------------------------------------------------------------------------------------------------


def test_what_json_can_hold_is_kept_announced_once_and_saved(tmp_path):
    config = DistilBertConfig()
    kept = "'remark' is not a field of DistilBertConfig. It is kept, and saved, but has no effect."
    assert said_by(lambda: setattr(config, "remark", ("a", {"b": (1, 2.5, None)}))) == [kept]
    assert said_by(lambda: setattr(config, "remark", (1, 2))) == []
    assert config.remark == config.extra["remark"] == config.to_dict()["remark"] == [1, 2]
    assert "remark" in config
    config.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["remark"] == [1, 2]
    again = DistilBertConfig.from_pretrained(tmp_path)
    assert (again.remark, again) == ([1, 2], config)
    assert said_by(lambda: setattr(again, "remark", 3)) == []  # it is in the file already
    del config.remark
    assert "remark" not in config
    assert not hasattr(config, "remark")
    with pytest.raises(AttributeError):
        del config.remark


@pytest.mark.parametrize(
    "value",
    [print, {1, 2}, {1: "a"}, [{2: 3}], float("nan"), np.zeros(2), b"x", "\ud800", DistilBertConfig()],
    ids=repr,
)
def test_what_json_would_not_give_back_is_kept_but_not_saved(value, tmp_path):
    config = DistilBertConfig()
    told = "'remark' is not a field of DistilBertConfig. It is kept, but not saved, as JSON would not give it back."
    assert said_by(lambda: setattr(config, "remark", value)) == [told]
    assert said_by(lambda: setattr(config, "remark", value)) == []
    assert config.remark is value
    assert "remark" not in config.to_dict()
    config.update(dim=12)
    config.check()
    assert config.remark is value
    config.save_pretrained(tmp_path)
    assert not hasattr(DistilBertConfig.from_pretrained(tmp_path), "remark")
    assert len(said_by(lambda: setattr(config, "remark", 1))) == 1  # now it is saved
    assert config.to_dict()["remark"] == config.remark == 1
    assert len(said_by(lambda: setattr(config, "remark", value))) == 1  # and now no longer
    assert config.remark is value
    assert config.extra == {}


def test_what_is_set_lives_through_copies_and_changes():
    config = DistilBertConfig(**SMALL)
    with pytest.warns(ArchsmithWarning):
        config.remark = [1]
    config._mine = "hidden"
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config)), config.changed(dim=8)):
        assert (other.remark, other._mine, other) == ([1], "hidden", config)
    model = DistilBertModel(config)
    assert model.config.remark == [1]


def test_names_that_begin_with_a_line_are_nobodys_business():
    config = DistilBertConfig(**SMALL)
    assert said_by(lambda: setattr(config, "_flash", object())) == []
    config._owner = config  # a circle
    config.check()
    assert [*config.to_dict()].count("_flash") == 0
    assert config == DistilBertConfig(**SMALL)
    assert copy.deepcopy(config)._owner._owner is not config


@pytest.mark.parametrize("name", ["check", "to_dict", "extra", "positional", "sub_configs", "_fill", "__class__"])
def test_what_the_class_has_cannot_be_hidden(name):
    config = DistilBertConfig()
    with pytest.raises(UnknownField) as error:
        setattr(config, name, 1)
    what = f"{name!r} is not a field of DistilBertConfig. It is something else that the class has, and stays."
    assert str(error.value) == f"DistilBertConfig: {what}"
    with pytest.raises(UnknownField, match="It is fixed by the class"):
        config.model_type = "bert"


@pytest.mark.parametrize("name", ["hiden_dim", "n_layer", "num_label", "drop_out", "hidden_sizes", "id2labels"])
def test_a_misspelt_field_is_an_error(name):
    config = DistilBertConfig()
    with pytest.raises(UnknownField, match=f"{name!r} is not a field of DistilBertConfig. Did you mean"):
        setattr(config, name, 1)
    assert config == DistilBertConfig()


def test_a_property_with_a_setter_is_set():
    class Square(PreTrainedConfig):
        width: Size = field(default=2, doc="Width.")

        @property
        def area(self) -> int:
            return self.width**2

        @area.setter
        def area(self, area: int) -> None:
            self.width = int(area**0.5)

    config = Square()
    config.area = 9
    assert (config.width, config.area, config.extra) == (3, 9, {})


# ---- names of the field -------------------------------------------------------------------------------------------


def test_harmless_values_are_taken_without_a_word():
    config = DistilBertConfig()
    for name in ("use_cache", "is_encoder_decoder", "torchscript", "chunk_size_feed_forward"):
        assert said_by(lambda name=name: setattr(config, name, 0)) == []
        assert getattr(config, name) == 0
    assert config == DistilBertConfig()  # nothing was added
    told = (
        "'use_cache' is not a field of DistilBertConfig. It is kept, and saved, but has no effect. Here it can only be"
    )
    for _ in range(2):  # what misleads is said each time
        assert said_by(lambda: setattr(config, "use_cache", True)) == [f"{told} False."]
    config.use_cache = False
    assert config.use_cache is config.extra["use_cache"] is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"use_cache": True}, "'use_cache' is not a field of DistilBertConfig. Here it can only be False."),
        (
            {"chunk_size_feed_forward": 2},
            "'chunk_size_feed_forward' is not a field of DistilBertConfig. Here it can onl",
        ),
        ({"model_type": "bert"}, "'model_type' is not a field of DistilBertConfig. It is fixed by the class"),
        ({"auto_map": object()}, "auto_map must be something that JSON can hold, but is <object object"),
        ({"remark": 1}, "'remark' is not a field of DistilBertConfig."),
    ],
)
def test_what_would_mislead_is_refused_as_an_argument(given, said):
    for act in (
        lambda: DistilBertConfig(**given),
        lambda: DistilBertConfig().update(**given),
        lambda: DistilBertConfig().update(given),
        lambda: DistilBertConfig.from_dict({}, **given),
    ):
        with pytest.raises(ConfigError) as error:
            act()
        assert str(error.value).startswith(f"DistilBertConfig: {said}")


@pytest.mark.parametrize("kind", [BertConfig, DistilBertConfig, ViTConfig, ResNetConfig, MaskFormerConfig])
def test_a_class_takes_what_its_to_dict_gives(kind):
    config = kind(architectures=["X"], num_labels=5)
    config.extra.update(transformers_version="4.1", processor_class="P", torchscript=False)
    for values in (config.to_dict(), config.to_file_dict(), config.to_diff_dict()):
        assert kind(**values) == config
    changed = kind(num_labels=3)
    changed.update(config.to_dict())
    assert changed == config
    assert said_by(lambda: kind(**config.to_dict())) == []


def test_a_constant_of_the_class_is_what_may_be_given():
    class Both(PreTrainedConfig):
        is_encoder_decoder = True

    assert Both(is_encoder_decoder=True).is_encoder_decoder is True
    with pytest.raises(UnknownField, match=r"'is_encoder_decoder' is not a field of Both\. Here it can only be True"):
        Both(is_encoder_decoder=False)
    for side in ("decoder", "encoder"):
        with pytest.raises(ConfigError, match=r"^Both has encoder and decoder in one; read its own fields\.$"):
            Both().get_text_config(**{side: True})
    config = Both()
    assert config.get_text_config() is config


def test_what_follows_from_fields_must_be_as_they_say():
    given = ResNetConfig().to_dict()
    assert ResNetConfig(**given) == ResNetConfig()
    said = r"^ResNetConfig: stage_names follows from other fields: it must be \['stem', .*\], but is \['stem'\]\.$"
    with pytest.raises(ConfigError, match=said):
        ResNetConfig(**{**given, "stage_names": ["stem"]})


def test_iteration_gives_the_names_of_fields_and_of_what_is_kept():
    config = DistilBertConfig.from_dict({"remark": 1})
    assert {*config} == config.to_dict().keys() - {"model_type"}
    assert "text_config" not in config
    assert "dim" in config


def test_where_it_came_from(tmp_path):
    config = DistilBertConfig(**SMALL)
    assert config.name_or_path == config._name_or_path == ""
    DistilBertModel(config).save_pretrained(tmp_path)
    for found in (DistilBertConfig.from_pretrained(tmp_path), AutoConfig.from_pretrained(tmp_path)):
        assert found.name_or_path == found._name_or_path == str(tmp_path)
        assert str(tmp_path) not in found.to_json_string()
    config.name_or_path = tmp_path
    assert config.name_or_path == str(tmp_path)
    config._name_or_path = "elsewhere"
    assert config.name_or_path == "elsewhere"
    for name in ("name_or_path", "_name_or_path"):
        for given in (DistilBertConfig(**{name: "x"}), DistilBertConfig.from_dict({}, **{name: "x"})):
            assert (given.name_or_path, given.extra) == ("x", {})
    assert DistilBertConfig(_commit_hash="1a").extra == {}
    assert DistilBertConfig.from_dict({"_name_or_path": "x"}).to_dict()["_name_or_path"] == "x"


def test_older_name_of_return_dict():
    config = DistilBertConfig(return_dict=False)
    assert config.use_return_dict is False
    config.use_return_dict = True
    assert config.return_dict is True


class Words(PreTrainedConfig):
    model_type = "words-of-a-whole"
    width: Size = field(default=2, doc="Width.")


def make_whole(**parts: Any) -> PreTrainedConfig:
    """Return a configuration with parts of these names."""
    body = {"__annotations__": dict.fromkeys(parts, Words | None), "model_type": "whole-of-words"}
    made = type("Whole", (PreTrainedConfig,), body | {name: field(default=None, doc="A part.") for name in parts})
    return made(**parts)


def test_the_part_that_is_for_texts():
    config, words = DistilBertConfig(), Words(width=3)
    for asked in ({}, {"decoder": True}, {"encoder": True}, {"decoder": True, "encoder": True}):
        assert config.get_text_config(**asked) is config
    whole = make_whole(text_config=words, vision_config=Words())
    assert whole.get_text_config() is whole.get_text_config(decoder=True) is whole.text_config
    assert whole.get_text_config(encoder=True) is whole
    assert whole.sub_configs == {"text_config": Words, "vision_config": Words}
    assert DistilBertConfig().sub_configs == {}
    both = make_whole(text_encoder=words, decoder=Words())
    assert both.get_text_config(decoder=True) is both.decoder
    assert both.get_text_config(encoder=True) is both.text_encoder
    with pytest.raises(ConfigError, match=r"several parts for texts; use one of text_encoder, decoder itself\."):
        both.get_text_config()


def test_json_files(tmp_path, monkeypatch):
    config, file = DistilBertConfig(**SMALL, dropout=0.3), tmp_path / "some.json"
    for use_diff in (False, True):
        config.to_json_file(json_file_path=file, use_diff=use_diff)
        assert file.read_text() == config.to_json_string(use_diff=use_diff)
        assert DistilBertConfig.from_json_file(json_file=file) == config
    monkeypatch.chdir(tmp_path)
    assert DistilBertConfig.from_json_file("some.json") == config
    with pytest.raises(OptionError, match="a configuration file must be named by a path"):
        DistilBertConfig.from_json_file(3)
    with pytest.raises(ConfigError, match="model_type is 'distilbert', but BertConfig reads 'bert'"):
        BertConfig.from_json_file(file)


def test_a_name_of_no_file_does_not_lead_to_the_hub(monkeypatch, tmp_path):
    from archsmith.errors import CheckpointNotFound

    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointNotFound, match="there is no folder"):
        DistilBertConfig.from_json_file("nobody/nothing")


# ---- nothing reads what is kept -----------------------------------------------------------------------------------


def test_what_is_kept_changes_no_model():
    strange = {"initializer_range": 100.0, "image_size": 3, "vocab_size": 7, "num_hidden_layers": "many"}
    values = {"depths": [1, 1], "hidden_sizes": [8, 8], "embedding_size": 8}
    config = ResNetConfig.from_dict({**values, **strange})
    assert config.image_size == 3
    assert config.value_of("image_size", 5) == 5
    assert config.value_of("num_channels") == 3
    one, other = ResNetModel(config), ResNetModel(ResNetConfig(**values))
    assert one.dummy_inputs["pixel_values"].shape == other.dummy_inputs["pixel_values"].shape


def test_a_strange_list_is_named_by_its_class():
    class ListConfig:
        def __repr__(self) -> str:
            return "[1, 2]"

    with pytest.raises(ConfigError) as error:
        ResNetConfig(depths=ListConfig())
    assert str(error.value) == (
        "ResNetConfig: depths must be a list of integers from 1 to 10000, but is [1, 2], a ListConfig."
    )


def test_a_shallow_copy_has_names_of_its_own():
    config = DistilBertConfig(n_layers=1)
    with pytest.warns(ArchsmithWarning, match="'remark' is not a field"):
        config.remark = "mine"
    twin = copy.copy(config)
    twin.remark = "of the copy"
    twin.n_layers = 2
    assert (config.remark, config.n_layers, twin.remark) == ("mine", 1, "of the copy")
