"""Models made of models: parts out of a whole, vocabularies and heads in step, initial values of what is inside."""

import copy
import gc
import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from archsmith import BertConfig, BertForMaskedLM, BertForSequenceClassification, PreTrainedConfig, PreTrainedModel
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError, PluginBroken, WeightsMismatch


class WordsConfig(PreTrainedConfig):
    model_type = "toy_composite_words"
    base_config_key = "text_config"

    vocab_size: Size = field(default=10, doc="Tokens.")
    hidden_size: Size = field(default=4, doc="Width.")
    num_hidden_layers: Size = field(default=1, doc="Layers.")
    num_attention_heads: Size = field(default=2, doc="Heads.")


class GridConfig(PreTrainedConfig):
    model_type = "toy_composite_grid"
    base_config_key = "vision_config"

    side: Size = field(default=3, doc="Side.")
    captions: WordsConfig = field(default={"vocab_size": 7}, doc="Words inside.")


class BothConfig(PreTrainedConfig):
    model_type = "toy_composite_both"

    text_config: WordsConfig = field(default={}, doc="Words.")
    vision_config: GridConfig = field(default={}, doc="Pixels.")
    tie_word_embeddings: bool = field(default=False, doc="Tie the towers.")


class Attention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))


class Words(PreTrainedModel):
    """A model of words, as it stands in a whole under the name that is its prefix."""

    config_class = WordsConfig
    base_model_prefix = "text_model"
    input_embeddings = "embeddings"
    attention_projections = ("layers.{}.q", "layers.{}.k", "layers.{}.v", "layers.{}.o")

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Attention(config.hidden_size) for _ in range(config.num_hidden_layers))


class WordsForScores(PreTrainedModel):
    config_class = WordsConfig
    base_model_prefix = "text_model"
    input_embeddings = "embeddings"
    tied_weights = {"scores.weight": "text_model.embeddings.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.text_model = Words(config)
        self.scores = nn.Linear(config.hidden_size, config.vocab_size)


class Grid(PreTrainedModel):
    config_class = GridConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"

    def __init__(self, config):
        super().__init__(config)
        self.rows = nn.Linear(config.side, config.side)
        self.captions = Words(config.captions)


class Both(PreTrainedModel):
    """Two towers, one with a third model inside."""

    config_class = BothConfig
    input_embeddings = "text_model.embeddings"
    tied_weights = {"vision_model.captions.embeddings.weight": "text_model.embeddings.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.text_model, self.vision_model = Words(config.text_config), Grid(config.vision_config)
        self.scale = nn.Parameter(torch.ones(()))


class PlainTower(nn.Module):
    """A module that is no model, but holds its part of the configuration."""

    def __init__(self, config, *, holds=True):
        super().__init__()
        if holds:
            self.config = config
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)


class Plain(PreTrainedModel):
    config_class = BothConfig
    input_embeddings = "text_model.embeddings"
    holds = True

    def __init__(self, config):
        super().__init__(config)
        self.text_model = PlainTower(config.text_config, holds=self.holds)
        self.captions = PlainTower(config.vision_config.captions, holds=self.holds)


class Silent(Plain):
    holds = False


class PlainText(PreTrainedModel):
    """The text tower of a `Plain`, under the names that it has there; no prefix is declared."""

    config_class = WordsConfig

    def __init__(self, config):
        super().__init__(config)
        self.text_model = PlainTower(config)


class Given(PreTrainedModel):
    """Takes a model that was built apart."""

    config_class = BothConfig

    def __init__(self, config, text_model=None):
        super().__init__(config)
        self.text_model = text_model or Words(config.text_config)


def fill(model):
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).view(parameter.shape) + 100.0 * number)
    return model


def same(one, other):
    state = other.state_dict()
    assert state.keys() == one.state_dict().keys()
    return all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


# ---- a part out of a whole --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["5GB", "200B"])
@pytest.mark.parametrize(("cls", "path"), [(Words, "text_model"), (Grid, "vision_model")])
def test_a_part_takes_its_own_out_of_a_whole(tmp_path, cls, path, size):
    whole = fill(Both(BothConfig(text_config={"hidden_size": 6}, vision_config={"side": 5})))
    whole.save_pretrained(tmp_path / "whole", max_shard_size=size)
    with pytest.warns(ArchsmithWarning, match="but not used by this model"):
        part = cls.from_pretrained(tmp_path / "whole")
    assert same(part, whole.get_submodule(path))
    assert part.config.to_dict() == whole.get_submodule(path).config.to_dict()
    assert set(part.load_report.unused) == {name for name in whole.state_dict() if not name.startswith(f"{path}.")}
    assert not part.load_report.new
    part.save_pretrained(tmp_path / "alone")
    again = cls.from_pretrained(tmp_path / "alone")
    assert same(again, part)
    assert not again.load_report.unused
    assert cls.match_pretrained(tmp_path / "whole") == part.load_report


def test_a_head_over_a_part_is_new(tmp_path):
    fill(Both(BothConfig())).save_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning) as caught:
        model = WordsForScores.from_pretrained(tmp_path)
    assert any("start from random values: scores.bias" in str(each.message) for each in caught)
    assert model.load_report.new == ("scores.bias",)


def test_names_that_are_those_of_the_whole(tmp_path):
    whole = fill(Plain(BothConfig()))
    whole.save_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match=r"not used by this model: captions\.embeddings\.weight"):
        part = PlainText.from_pretrained(tmp_path)
    assert torch.equal(part.text_model.embeddings.weight, whole.text_model.embeddings.weight)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file({**tensors, "text_model.strange": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsMismatch, match=r"unexpected key 'text_model\.strange': not a parameter of the model"):
        PlainText.from_pretrained(tmp_path)


def test_a_part_is_found_under_another_name(tmp_path):
    whole = fill(Both(BothConfig()))
    whole.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {name.replace("text_model", "model.tower"): value for name, value in load_file(file).items()}
    save_file({name: value for name, value in tensors.items() if "captions" not in name}, file)
    with pytest.warns(ArchsmithWarning, match="not used by this model"):
        assert same(Words.from_pretrained(tmp_path), whole.text_model)
    more = {**load_file(file), "model.tower.more": torch.zeros(1)}
    save_file(more, file)
    with pytest.raises(WeightsMismatch, match=r"unexpected key 'model\.tower\.more': not a parameter"):
        Words.from_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match="not used by this model"):
        report = Words.from_pretrained(tmp_path, allow_unused=["*.more"]).load_report
    assert report.unused == tuple(sorted(name for name in more if "tower" not in name or "more" in name))


def test_a_part_in_two_places_is_refused(tmp_path):
    fill(Both(BothConfig())).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file({name.replace("text_model", "tower"): value for name, value in load_file(file).items()}, file)
    with pytest.raises(WeightsMismatch, match=r"such a part in several places, tower\., vision_model\.captions\.: "):
        Words.from_pretrained(tmp_path)


def test_a_part_that_is_damaged_is_refused(tmp_path):
    fill(Both(BothConfig())).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    save_file({name: value for name, value in tensors.items() if name != "text_model.layers.0.q.bias"}, file)
    with pytest.raises(WeightsMismatch, match=r"missing key 'layers\.0\.q\.bias'"):
        Words.from_pretrained(tmp_path)
    save_file({**tensors, "text_model.more": torch.zeros(1)}, file)
    with pytest.raises(WeightsMismatch, match=r"unexpected key 'text_model\.more'"):
        Words.from_pretrained(tmp_path)


def test_an_override_is_one_of_the_part(tmp_path):
    fill(Both(BothConfig(text_config={"num_hidden_layers": 2}))).save_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match="not used"):
        part = Words.from_pretrained(tmp_path, num_hidden_layers=1, allow_unused=["*layers.1.*"])
    assert len(part.layers) == 1
    with pytest.warns(ArchsmithWarning, match="not used"):
        whole = Both.from_pretrained(tmp_path, text_config={"num_hidden_layers": 1}, allow_unused=["*.layers.1.*"])
    assert len(whole.text_model.layers) == 1


# ---- vocabularies in step ----------------------------------------------------------------------------------------

WHO = {"whole": lambda model: model, "inner": lambda model: model.text_model}


def sizes(model):
    captions = model.config.vision_config.captions
    return model.config.text_config.vocab_size, captions.vocab_size


@pytest.mark.parametrize("copied", [lambda it: it, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
@pytest.mark.parametrize("who", WHO)
def test_the_vocabulary_of_a_tower_is_in_step(tmp_path, who, copied):
    config = BothConfig()
    other, model = Both(config), copied(fill(Both(config)))
    kept = model.text_model.embeddings.weight.clone()
    WHO[who](model).resize_token_embeddings(13)
    assert sizes(model) == (13, 7)
    assert model.text_model.config is model.config.text_config
    assert (config.text_config.vocab_size, sizes(other)) == (10, (10, 7))
    model.vision_model.captions.resize_token_embeddings(5)
    assert sizes(model) == (13, 5)
    assert model.vision_model.config is model.config.vision_config
    assert model.vision_model.captions.config is model.config.vision_config.captions
    model.save_pretrained(tmp_path)
    again = Both.from_pretrained(tmp_path)
    assert same(again, model)
    assert torch.equal(again.text_model.embeddings.weight[:10], kept)


def test_a_model_of_another_type_of_numbers_is_in_step_too(tmp_path):
    Both(BothConfig()).save_pretrained(tmp_path)
    model = Both.from_pretrained(tmp_path, dtype="bfloat16")
    assert model.config.dtype == "bfloat16"
    assert model.text_model.config is model.config.text_config
    model.text_model.resize_token_embeddings(12)
    assert sizes(model) == (12, 7)


@pytest.mark.parametrize("who", WHO)
def test_towers_with_one_embedding_change_together(tmp_path, who):
    same_size = {"vision_config": {"captions": {"vocab_size": 10}}, "tie_word_embeddings": True}
    model = fill(Both(BothConfig(**same_size)))
    WHO[who](model).resize_token_embeddings(12)
    assert sizes(model) == (12, 12)
    assert model.vision_model.captions.embeddings.weight is model.text_model.embeddings.weight
    model.save_pretrained(tmp_path)
    assert same(Both.from_pretrained(tmp_path), model)


TIED = """
    from torch import nn
    from archsmith import PreTrainedConfig, PreTrainedModel
    from archsmith.config import Size, field

    class TowerConfig(PreTrainedConfig):
        model_type = "tower"
        base_config_key = "right_config"
        vocab_size: Size = field(default=6, doc="Tokens.")

    class PairConfig(PreTrainedConfig):
        model_type = "pair"
        left_config: TowerConfig = field(default={}, doc="One.")
        right_config: TowerConfig = field(default={}, doc="The other.")

    class Tower(PreTrainedModel):
        config_class = TowerConfig
        base_model_prefix = "right"

        def __init__(self, config):
            super().__init__(config)
            self.embeddings = nn.Embedding(config.vocab_size, 2)
            self.linear = nn.Linear(2, 2)

    class Pair(PreTrainedModel):
        config_class = PairConfig
        tied_weights = {"right.embeddings.weight": "left.embeddings.weight"}

        def __init__(self, config):
            super().__init__(config)
            self.left, self.right = Tower(config.left_config), Tower(config.right_config)
    """
PAIR = """
    from archsmith.plugin import Architecture, hookimpl

    @hookimpl
    def architectures():
        yield Architecture(model_type="pair", config="toy_pair.all:PairConfig", models={"base": "toy_pair.all:Pair"})
    """


def test_an_embedding_that_the_whole_holds_in_another_tower(tmp_path, site):
    from archsmith.registry import registry

    site.install("pair", manifest=PAIR)
    site.write("toy_pair/all.py", TIED)
    registry.refresh()
    try:
        from toy_pair.all import Pair, PairConfig, Tower

        whole = fill(Pair(PairConfig()))
        whole.save_pretrained(tmp_path)
        assert "right.embeddings.weight" not in load_file(tmp_path / "model.safetensors")
        with pytest.warns(ArchsmithWarning, match=r"this model: left\.linear\.bias, left\.linear\.weight\."):
            part = Tower.from_pretrained(tmp_path)
        assert same(part, whole.right)
    finally:
        registry.refresh()


def test_a_part_whose_embedding_the_whole_has_tied_away(tmp_path):
    from archsmith.model.parts import ties_of

    same_size = {"vision_config": {"captions": {"vocab_size": 10}}, "tie_word_embeddings": True}
    fill(Both(BothConfig(**same_size))).save_pretrained(tmp_path)
    assert ties_of(json.loads((tmp_path / "config.json").read_text())) == {}  # nobody has registered it
    with pytest.raises(WeightsMismatch, match=r"missing key 'captions\.embeddings\.weight'"):
        Grid.from_pretrained(tmp_path)


@pytest.mark.parametrize("cls", [Plain, Silent])
def test_plain_modules_with_one_configuration(tmp_path, cls):
    model = cls(BothConfig())
    model.resize_token_embeddings(12)
    assert sizes(model) == (12, 7)
    if cls.holds:
        assert model.text_model.config is model.config.text_config
    model.save_pretrained(tmp_path)
    assert same(cls.from_pretrained(tmp_path), model)


def test_a_vocabulary_that_nobody_counts_is_refused_and_nothing_changed():
    model = Silent(BothConfig(vision_config={"captions": {"vocab_size": 10}}))
    with pytest.raises(OptionError, match=r"has 10 token embeddings, but 2 configurations inside its own have this"):
        model.resize_token_embeddings(12)
    assert sizes(model) == (10, 10)
    assert len(model.text_model.embeddings.weight) == 10


def test_the_model_inside_a_head_changes_the_head(tmp_path):
    config = BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8, vocab_size=40)
    for cls in (BertForSequenceClassification, BertForMaskedLM):
        model = cls(config)
        model.bert.resize_token_embeddings(50)
        model.bert.prune_heads({0: [1]})
        assert model.config is model.bert.config
        assert (model.config.vocab_size, model.config.pruned_heads) == (50, {0: [1]})
        model.save_pretrained(tmp_path)
        assert same(cls.from_pretrained(tmp_path), model)
    assert len(model.cls.predictions.bias) == 50
    assert model.get_output_embeddings().weight is model.bert.get_input_embeddings().weight


def test_scores_inside_a_whole_follow():
    class Wrapped(PreTrainedModel):
        config_class = BothConfig

        def __init__(self, config):
            super().__init__(config)
            self.language_model = WordsForScores(config.text_config)

    model = Wrapped(BothConfig())
    model.language_model.text_model.resize_token_embeddings(13)
    assert model.config.text_config.vocab_size == 13
    assert model.language_model.scores.weight is model.language_model.text_model.embeddings.weight
    assert len(model.language_model.scores.bias) == 13


def test_a_part_that_was_taken_out_changes_alone(tmp_path):
    model = Both(BothConfig())
    taken, model.text_model = model.text_model, Words(model.config.text_config)
    taken.resize_token_embeddings(12)
    assert sizes(model) == (10, 7)
    part = Both(BothConfig()).text_model
    gc.collect()
    part.resize_token_embeddings(12)
    part.save_pretrained(tmp_path)
    assert Words.from_pretrained(tmp_path).config.vocab_size == 12


def test_what_is_not_in_step_is_not_saved(tmp_path):
    model = Both(BothConfig())
    model.text_model = Words(WordsConfig())
    model.text_model.resize_token_embeddings(12)  # put in later: the whole is not known to it
    with pytest.raises(ConfigError, match=r"'text_model' inside its configuration says vocab_size 10 and"):
        model.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
    given = Given(BothConfig(), text_model=Words(WordsConfig(vocab_size=20)))
    with pytest.raises(ConfigError, match=r"of 'text_model' inside .* but that model's own says vocab_size 20 and"):
        given.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


# ---- heads in step -----------------------------------------------------------------------------------------------


def test_pruned_heads_of_a_tower_are_in_step(tmp_path):
    model = fill(Both(BothConfig(text_config={"num_hidden_layers": 2})))
    model.text_model.prune_heads({1: [0]})
    model.vision_model.captions.prune_heads({0: [1]})
    assert model.config.text_config.pruned_heads == {1: [0]}
    assert model.config.vision_config.captions.pruned_heads == {0: [1]}
    assert not model.config.pruned_heads
    model.save_pretrained(tmp_path)
    again = Both.from_pretrained(tmp_path)
    assert same(again, model)
    assert again.text_model.layers[1].q.weight.shape == (2, 4)


def test_a_whole_without_heads_of_its_own_says_so():
    class Named(Both):
        attention_projections = tuple(f"text_model.layers.{{}}.{name}" for name in "qkvo")

    with pytest.raises(OptionError, match="Both names no attention_projections"):
        Both(BothConfig()).prune_heads({0: [1]})
    with pytest.raises(OptionError, match="BothConfig counts no layers or no heads: prune those of the models inside"):
        Named(BothConfig()).prune_heads({0: [1]})


# ---- initial values ----------------------------------------------------------------------------------------------


def waves():
    return torch.arange(12.0).view(3, 4).sin()


class Waves(PreTrainedModel):
    """Has values of its own for a child, and three tables that are never drawn."""

    config_class = WordsConfig

    def __init__(self, config):
        super().__init__(config)
        self.linear = nn.Linear(4, 4)
        self.table = nn.Embedding.from_pretrained(waves(), freeze=True)
        self.frozen = nn.Parameter(waves(), requires_grad=False)
        self.register_buffer("buffer", waves())
        self.register_buffer("unsaved", waves(), persistent=False)

    def init_buffers(self):
        self.unsaved = waves()

    def init_weights(self, module):
        super().init_weights(module)
        if module is self:
            nn.init.constant_(self.linear.bias, 5.0)


class AroundWaves(PreTrainedModel):
    """Draws all that is its own very wide, and sets one value inside the model inside."""

    config_class = BothConfig

    def __init__(self, config):
        super().__init__(config)
        self.inner = Waves(config.text_config)
        self.linear = nn.Linear(4, 4)

    def init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.constant_(module.weight, 9.0)
            nn.init.constant_(module.bias, 9.0)
        if module is self:
            nn.init.constant_(self.inner.linear.weight, 3.0)


def test_each_model_gives_its_own_their_values(tmp_path):
    model = AroundWaves(BothConfig())
    assert (model.linear.weight == 9).all()
    assert (model.inner.linear.weight == 3).all()  # the outer model comes last
    assert (model.inner.linear.bias == 5).all()
    for name in ("table.weight", "frozen", "buffer", "unsaved"):
        path, _, attribute = name.rpartition(".")
        assert torch.equal(getattr(model.inner.get_submodule(path), attribute), waves()), name
    fill(model).save_pretrained(tmp_path)
    again = AroundWaves.from_pretrained(tmp_path)
    assert same(again, model)
    assert torch.equal(again.inner.unsaved, waves())


@pytest.mark.parametrize("missing", ["inner.frozen", "inner.table.weight", "inner.linear.bias", "inner.buffer"])
def test_what_a_file_lacks_inside_has_its_value_or_is_refused(tmp_path, missing):
    AroundWaves(BothConfig()).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors[missing]
    save_file(tensors, tmp_path / "model.safetensors")
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values))
    if missing == "inner.linear.bias":
        with pytest.warns(ArchsmithWarning, match="start from random values"):
            model = AroundWaves.from_pretrained(tmp_path, allow_new=[missing])
        assert (model.inner.linear.bias == 5).all()
    else:
        from archsmith.errors import PluginBroken

        with pytest.raises(PluginBroken, match=f"'{missing}' has no"):
            AroundWaves.from_pretrained(tmp_path, allow_new=[missing])


def test_a_tie_of_two_shapes_is_refused(tmp_path):
    """The towers of `Both` are tied: one vocabulary of another size would be made the other without a word."""
    config = BothConfig(tie_word_embeddings=True, text_config={"vocab_size": 7})
    Both(config).save_pretrained(tmp_path)
    with pytest.raises(
        ConfigError, match=r"Both ties '.*' to '.*', but they are \(7, 4\) and \(9, 4\). Make them of one size"
    ):
        Both(config.changed(text_config={"vocab_size": 9}))
    with pytest.raises(ConfigError, match=r"no Both can be built: Both ties '.*' to '.*', but they are"):
        Both.from_pretrained(tmp_path, text_config={"vocab_size": 9})
    model = Both(BothConfig(tie_word_embeddings=True, text_config={"vocab_size": 7}))
    model.vision_model.captions.embeddings = nn.Embedding(9, 4)
    with pytest.raises(ConfigError, match=r"but they are \(9, 4\) and \(7, 4\)"):
        model.tie_weights()
    assert len(model.vision_model.captions.embeddings.weight) == 9


def test_a_tie_of_what_is_not_there_is_its_authors_fault():
    class Misspelt(Both):
        tied_weights = {"vision_model.captions.embeddings.wait": "text_model.embeddings.weight"}

    with pytest.raises(PluginBroken, match=r"but has no parameter 'vision_model.captions.embeddings.wait'. Its author"):
        Misspelt(BothConfig(tie_word_embeddings=True))


def test_a_change_of_the_whole_reaches_the_model_inside(tmp_path):
    model = Both(BothConfig())
    inside = model.text_model.config
    model.config.update(text_config={"num_attention_heads": 4})
    assert model.text_model.config is inside is model.config.text_config
    assert inside.num_attention_heads == 4


def test_a_part_that_no_longer_goes_by_the_configuration_of_the_whole_is_told(tmp_path):
    model = Both(BothConfig())
    model.config.text_config = {"num_attention_heads": 4}  # another object: the model inside keeps its own
    with pytest.warns(ArchsmithWarning, match=r"num_attention_heads of 'text_model' is 2, but would be 4"):
        model.save_pretrained(tmp_path)
    model.config.text_config = model.text_model.config
    model.save_pretrained(tmp_path)
    assert Both.from_pretrained(tmp_path).text_model.config.num_attention_heads == 2


def test_one_configuration_in_two_places_becomes_two(tmp_path):
    words = WordsConfig()
    config = BothConfig(text_config=words, vision_config=GridConfig(captions=words))
    model = Both(config)
    model.text_model.prune_heads({0: [1]})
    assert (config.text_config.pruned_heads, words.pruned_heads) == ({}, {})
    assert not model.config.vision_config.captions.pruned_heads
    model.save_pretrained(tmp_path)
    assert same(Both.from_pretrained(tmp_path), model)
