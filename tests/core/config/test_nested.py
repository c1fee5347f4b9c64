"""Configurations inside configurations: parts out of a whole, changes of one field inside, and typos inside."""

import json
import warnings

import pytest

from archsmith import BertConfig, MaskFormerConfig, PreTrainedConfig
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError, UnknownField


class Words(PreTrainedConfig):
    model_type = "toy_words"
    base_config_key = "text_config"
    attribute_map = {"dim": "hidden_size"}

    vocab_size: Size = field(default=10, doc="Tokens.")
    hidden_size: Size = field(default=4, doc="Width.")
    widths: list[Size] = field(default=[1, 2], doc="Widths.")
    limit: Size | None = field(default=3, doc="A limit.")

    def rules(self):
        yield from super().rules()
        if self.hidden_size % 2:
            yield f"hidden_size must be even, but is {self.hidden_size}"


class Grid(PreTrainedConfig):
    model_type = "toy_grid"
    base_config_key = "vision_config"
    computed = ("area",)

    side: Size = field(default=5, doc="Side.")
    inner: Words | None = field(default=None, doc="One more, inside.")

    @property
    def area(self):
        return self.side**2

    def derived(self):
        return {} if self.inner is not None else {"inner": Words()}


class Both(PreTrainedConfig):
    model_type = "toy_both"

    text_config: Words = field(default={"vocab_size": 20, "hidden_size": 8}, doc="Words.")
    vision_config: Grid = field(default={}, doc="Pixels.")
    other_config: Words | Grid | None = field(default=None, doc="Either.")


def saved(folder, **values):
    Both(**values).save_pretrained(folder)
    return folder


def edit(folder, change):
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))
    return folder


# ---- a part out of a whole -----------------------------------------------------------------------------------


def test_a_part_is_read_from_the_folder_of_a_whole(tmp_path):
    saved(tmp_path, text_config={"hidden_size": 6}, vision_config={"side": 7})
    words = Words.from_pretrained(tmp_path, limit=None)
    assert (words.hidden_size, words.vocab_size, words.limit) == (6, 10, None)
    assert Grid.from_pretrained(tmp_path).side == 7
    assert Words.from_pretrained(tmp_path / "config.json").hidden_size == 6
    words.save_pretrained(tmp_path / "alone")
    assert Words.from_pretrained(tmp_path / "alone") == words
    assert Both(text_config=words).text_config is words


def test_a_part_of_a_strange_whole_needs_its_own_model_type(tmp_path):
    edit(saved(tmp_path), lambda values: values.update(model_type="stranger"))
    assert Words.from_pretrained(tmp_path).hidden_size == 8
    edit(tmp_path, lambda values: values["text_config"].pop("model_type"))
    with pytest.raises(ConfigError) as caught:
        Words.from_pretrained(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path / 'config.json'}, text_config: it must be the values of a Words, with model_type 'toy_words' among "
        "them, but is {"
    )
    assert str(caught.value).endswith(", in a configuration of model_type 'stranger'.")
    edit(tmp_path, lambda values: values["text_config"].update(model_type="toy_other"))
    with pytest.raises(ConfigError, match=r"text_config: model_type is 'toy_other', but Words reads 'toy_words'"):
        Words.from_pretrained(tmp_path)
    for value in (None, 3, []):
        edit(tmp_path, lambda values: values.update(text_config=value))  # noqa: B023
        with pytest.raises(ConfigError, match=r"text_config: it must be the values of a Words, with model_type"):
            Words.from_pretrained(tmp_path)


def test_a_part_without_model_type_is_read_where_its_whole_is_known(tmp_path, site):
    from archsmith.registry import registry

    manifest = """
        from archsmith.plugin import Architecture, hookimpl

        @hookimpl
        def architectures():
            yield Architecture(model_type="both", config="toy_both.all:BothConfig", models={})
        """
    source = """
        from archsmith import PreTrainedConfig
        from archsmith.config import Size, field

        class PartConfig(PreTrainedConfig):
            model_type = "part"
            base_config_key = "text_config"
            size: Size = field(default=3, doc="A size.")

        class BothConfig(PreTrainedConfig):
            model_type = "both"
            text_config: PartConfig = field(default={}, doc="A part.")
        """
    site.install("both", manifest=manifest)
    site.write("toy_both/all.py", source)
    registry.refresh()
    try:
        from toy_both.all import PartConfig

        (tmp_path / "config.json").write_text('{"model_type": "both", "text_config": {"size": 9}}')
        assert PartConfig.from_pretrained(tmp_path).size == 9
    finally:
        registry.refresh()


# ---- one field inside ------------------------------------------------------------------------------------------


def held(config):
    text, vision = config.text_config, config.vision_config
    return text.vocab_size, text.hidden_size, vision.side, vision.inner.hidden_size


@pytest.mark.parametrize("way", ["load", "update", "changed", "from_dict"])
@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"text_config": {"hidden_size": 2}}, (30, 2, 7, 6)),
        ({"text_config": {"dim": 2}}, (30, 2, 7, 6)),
        ({"text_config": {"model_type": "toy_words", "hidden_size": 2}}, (30, 2, 7, 6)),
        ({"text_config": {}}, (30, 12, 7, 6)),
        ({"vision_config": {"side": 2}}, (30, 12, 2, 6)),
        ({"vision_config": {"inner": {"vocab_size": 2}}}, (30, 12, 7, 6)),
        ({"vision_config": {"inner": {"hidden_size": 2}}, "text_config": {"vocab_size": 3}}, (3, 12, 7, 2)),
        ({"text_config": Words(hidden_size=2)}, (10, 2, 7, 6)),
        ({"vision_config": {"inner": None}}, (30, 12, 7, 4)),
    ],
)
def test_a_mapping_changes_some_fields_of_a_part(tmp_path, way, change, result):
    given = {
        "text_config": {"vocab_size": 30, "hidden_size": 12},
        "vision_config": {"side": 7, "inner": {"hidden_size": 6}},
    }
    config = Both(**given)
    if way == "load":
        config.save_pretrained(tmp_path)
        changed = Both.from_pretrained(tmp_path, **change)
    elif way == "from_dict":
        changed = Both.from_dict(given, **change)
    elif way == "changed":
        changed = config.changed(**change)
        assert held(config) == (30, 12, 7, 6)
    else:
        config.update(**change)
        changed = config
    assert held(changed) == result


def test_unknown_keys_of_a_file_stay_when_a_field_beside_them_changes():
    config = Both.from_dict({"text_config": {"strange": 3, "hidden_size": 6}}, text_config={"vocab_size": 5})
    config.update(text_config={"limit": 9})
    assert config.text_config.extra == {"strange": 3}
    assert (config.text_config.hidden_size, config.text_config.vocab_size, config.text_config.limit) == (6, 5, 9)
    assert config.to_dict()["text_config"]["strange"] == 3


def test_a_constructor_and_an_assignment_start_from_the_defaults_of_the_class():
    assert held(Both()) == (20, 8, 5, 4)
    assert held(Both(text_config={"hidden_size": 2})) == (10, 2, 5, 4)
    config = Both(text_config={"hidden_size": 2, "vocab_size": 3})
    config.text_config = {"vocab_size": 9}
    assert held(config) == (9, 4, 5, 4)


def test_an_override_of_what_a_file_leaves_out_changes_the_default():
    assert held(Both.from_dict({}, text_config={"hidden_size": 2})) == (20, 2, 5, 4)
    assert held(Both.from_dict({"text_config": None}, text_config={"hidden_size": 2})) == (20, 2, 5, 4)


def test_another_architecture_replaces_the_whole_part():
    config = Both(other_config={"model_type": "toy_words", "hidden_size": 6})
    config.update(other_config={"vocab_size": 3})
    assert (type(config.other_config), config.other_config.hidden_size) == (Words, 6)
    config.update(other_config={"model_type": "toy_grid"})
    assert config.other_config == Grid()
    with pytest.raises(UnknownField, match=r"'other_config\.vocab_size' is not a field of Grid"):
        config.update(other_config={"vocab_size": 3})
    config.update(other_config=None)
    assert config.other_config is None


def test_what_an_override_mends_is_not_looked_at():
    values = {"text_config": {"hidden_size": 3, "vocab_size": "x"}}
    assert held(Both.from_dict(values, text_config={"hidden_size": 2, "vocab_size": 6}))[:2] == (6, 2)
    with pytest.raises(ConfigError, match=r"text_config\.vocab_size must be an integer from 1 to .*, but is 'x'"):
        Both.from_dict(values, text_config={"hidden_size": 2})


def test_an_update_is_all_or_nothing_inside_too():
    config = Both()
    with pytest.raises(ConfigError, match=r"text_config\.hidden_size must be even, but is 3"):
        config.update(vision_config={"side": 9}, text_config={"hidden_size": 3})
    assert held(config) == held(Both())


def test_a_decoder_of_maskformer_keeps_its_other_fields(tmp_path):
    swin = {"model_type": "swin", "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
    MaskFormerConfig(decoder_config={"d_model": 32, "decoder_layers": 3}, backbone_config=swin).save_pretrained(
        tmp_path
    )
    config = MaskFormerConfig.from_pretrained(
        tmp_path, decoder_config={"decoder_layers": 1}, backbone_config={"embed_dim": 16}
    )
    assert (config.decoder_config.d_model, config.decoder_config.decoder_layers) == (32, 1)
    assert (config.backbone_config.embed_dim, config.backbone_config.depths) == (16, [1, 1])
    with pytest.raises(
        UnknownField, match=r"'decoder_config\.decoder_layer' is not a field of DetrConfig\. Did you mean"
    ):
        MaskFormerConfig.from_pretrained(tmp_path, decoder_config={"decoder_layer": 1})


# ---- typos and wrong values inside -------------------------------------------------------------------------------

WAYS = {
    "constructor": Both,
    "override": lambda **values: Both.from_dict({}, **values),
    "update": lambda **values: Both().update(**values),
    "assignment": lambda **values: [setattr(Both(), name, value) for name, value in values.items()],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"text_config": {"hiden_size": 3}},
            "Both: 'text_config.hiden_size' is not a field of Words. Did you mean 'hidden_size'?",
        ),
        ({"text_config": {"zzz": 3}}, "Both: 'text_config.zzz' is not a field of Words."),
        ({"text_config": {"source": 3}}, "Both: 'text_config.source' is not a field of Words."),
        ({"text_config": {"self": 3}}, "Both: 'text_config.self' is not a field of Words."),
        (
            {"vision_config": {"inner": {"vocabsize": 3}}},
            "Both: 'vision_config.inner.vocabsize' is not a field of Words. Did you mean 'vocab_size'?",
        ),
    ],
)
def test_a_typo_inside_is_the_error_of_a_typo(way, values, message):
    with pytest.raises(UnknownField) as caught:
        WAYS[way](**values)
    assert str(caught.value) == message


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"text_config": {"widths": [1, 0]}},
            "text_config.widths[1] must be an integer from 1 to 2147483647, but is 0.",
        ),
        (
            {"vision_config": {"inner": {"widths": [1, "x"]}}},
            "vision_config.inner.widths[1] must be an integer from 1 to 2147483647, but is 'x'.",
        ),
        ({"text_config": {3: 4}}, "text_config.3 is not a field of Words."),
        ({"text_config": {"model_type": "toy_grid"}}, "text_config.model_type must be 'toy_words', but is 'toy_grid'."),
        ({"vision_config": {"area": 26}}, "vision_config.area follows from other fields: it must be 25, but is 26."),
        ({"text_config": 3}, "text_config must be a Words, or its values as a mapping, but is 3."),
    ],
)
def test_a_wrong_value_inside_is_named_with_its_path(way, values, message):
    with pytest.raises(ConfigError) as caught:
        WAYS[way](**values)
    assert str(caught.value) == f"Both: {message}"


def test_what_a_configuration_tells_of_itself_is_taken_back():
    config = Both(text_config={"hidden_size": 6}, vision_config={"side": 2})
    values = config.to_dict()
    assert Both(text_config=values["text_config"], vision_config=values["vision_config"]) == config
    assert Both().changed(vision_config=config.to_file_dict()["vision_config"]).vision_config.side == 2


def test_unknown_keys_inside_a_file_are_kept():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = Both.from_dict({"text_config": {"zzz": 3}})
    assert config.to_dict()["text_config"]["zzz"] == 3
    with pytest.warns(ArchsmithWarning, match=r"'hiden_size' is not a field of Words and has no effect"):
        Both.from_dict({"text_config": {"hiden_size": 3}})


def test_a_list_of_configurations_is_refused_in_words():
    class Several(PreTrainedConfig):
        model_type = "toy_several"
        parts: list[Words] = field(default=[], doc="Parts.")

    with pytest.raises(OptionError, match=r"a field cannot be list\[.*Words\]\. Declare a field of its own for each"):
        Several()


def test_a_change_keeps_the_objects_inside_and_a_copy_shares_none():
    config = Both()
    part = config.text_config
    config.update(text_config={"hidden_size": 12})
    assert config.text_config is part
    assert part.hidden_size == 12
    copied = config.changed()
    copied.text_config.hidden_size = 20
    assert part.hidden_size == 12


def test_a_part_of_a_class_that_its_file_would_not_bring_back_is_refused():
    class OwnWords(Words):
        own: int = field(default=1, doc="Nobody else's.")

    with pytest.raises(ConfigError, match=r"text_config must be a \w+, but is a OwnWords, whose own would not come"):
        Both(text_config=OwnWords(own=3))


def test_a_part_that_is_given_stays_the_givers():
    config, given = Both(vision_config={"inner": {}}), Grid(side=2, inner=Words(hidden_size=6))
    kept = config.vision_config.inner
    config.update(vision_config=given)
    assert config.vision_config.inner is kept
    given.inner.hidden_size = 8
    given.inner.widths.append(3)
    assert (kept.hidden_size, kept.widths) == (6, [1, 2])


@pytest.mark.parametrize("way", ["build", "assign", "update"])
def test_one_object_in_two_fields_becomes_two(way):
    words = Words()
    config = Both(text_config=words, other_config=words if way == "build" else None)
    if way == "assign":
        config.other_config = words
    elif way == "update":
        config.update(other_config=words)
    assert config.other_config is not config.text_config
    config.update(text_config={"hidden_size": 12})
    assert (config.text_config.hidden_size, config.other_config.hidden_size) == (12, 4)
    config.vision_config.inner = config.text_config
    config.text_config = config.vision_config.inner
    config.text_config.hidden_size = 14
    assert config.vision_config.inner.hidden_size == 12


def test_an_unregistered_architecture_is_refused_where_a_file_asks_the_registry():
    class AnyPart(PreTrainedConfig):
        model_type = "toy_any_part"

        part_config: PreTrainedConfig | None = field(default=None, doc="Any.")

    class OtherBert(PreTrainedConfig):
        model_type = "bert"

    config = AnyPart(part_config=BertConfig())
    assert AnyPart.from_dict(config.to_dict()) == config
    start = r"part_config must be of a registered architecture, for a file to bring it back, but is a "
    with pytest.raises(ConfigError, match=start + r"Words, whose model_type 'toy_words' no installed plugin provides"):
        AnyPart(part_config=Words())
    with pytest.raises(ConfigError, match=start + r"OtherBert, whose model_type 'bert' leads to BertConfig"):
        config.part_config = OtherBert()
    assert isinstance(config.part_config, BertConfig)


def test_what_is_no_part_is_told_by_its_class(tmp_path):
    with pytest.raises(ConfigError, match=r"text_config must be a Words, or its values as a mapping, but is a Grid\.$"):
        Both(text_config=Grid())
    folder = saved(tmp_path)
    edit(folder, lambda values: values["text_config"].update(model_type=None))
    with pytest.raises(ConfigError) as caught:
        Both.from_pretrained(folder)
    assert str(caught.value) == (
        f"{folder / 'config.json'}: Both: text_config.model_type must be 'toy_words', but is None."
    )
