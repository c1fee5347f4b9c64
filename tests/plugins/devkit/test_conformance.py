"""The kit finds what is wrong with a plugin, and says it so that its author can fix it."""

from textwrap import dedent

import pytest

from archsmith.errors import PluginError
from archsmith.registry import registry
from archsmith_devkit import State, assert_conforms, check_plugin, checks_of, plugins, sample_tokenizer

from .toy_plugin import FILES, NAME

#: Checks that take a second or more; they run where they are meant to fail.
SLOW = {"compiles", "exports", "other_processes"}

#: What is wrong → file, what is replaced there, by what, the check that fails, what it says.
WRONG = {
    "a manifest that imports torch": (
        "plugin",
        "from archsmith.plugin import",
        "import torch\nfrom archsmith.plugin import",
        "manifest_is_light",
        "importing wrong_1.plugin imports",
    ),
    "a configuration that imports torch": (
        "config",
        "class BagConfig",
        "import torch\n\nclass BagConfig",
        "configuration_is_light",
        "importing wrong_2.config imports",
    ),
    "a misspelt reference": (
        "plugin",
        "model:BagModel",
        "model:BagModle",
        "references_resolve",
        "it has no 'BagModle'. Did you mean 'BagModel'?",
    ),
    "a tokenizer that is none": (
        "plugin",
        "tokenizer:BagTokenizerFast",
        "tokenizer:BagTokenizer",
        "references_resolve",
        "tokenizer_fast of 'bag' is BagTokenizer, which is not a PreTrainedTokenizerFast",
    ),
    "a configuration of another architecture": (
        "config",
        'model_type = "bag"',
        'model_type = "sack"',
        "configuration_round_trip",
        "BagConfig.model_type is 'sack', not 'bag'",
    ),
    "a field that takes anything": (
        "config",
        "hidden_size: Size",
        "hidden_size: int",
        "what_is_accepted_builds",
        "BagConfig takes hidden_size = -1, but BagModel fails with it: RuntimeError",
    ),
    "a misspelt preset": (
        "plugin",
        '"acme/bag-small": {"hidden_size": 64}',
        '"acme/bag-small": {"hiden_size": 64}',
        "presets_build",
        "the preset 'acme/bag-small' is refused: BagConfig: 'hiden_size' is not a field of BagConfig.",
    ),
    "a buffer that no file holds": (
        "model",
        "self.mix = nn",
        'self.register_buffer("scale", torch.ones(1), persistent=False)\n        self.mix = nn',
        "nothing_is_left_on_meta",
        "BagModel",
    ),
    "a parameter that nothing uses": (
        "model",
        "self.mix = nn",
        "self.spare = nn.Linear(2, 2)\n        self.mix = nn",
        "gradients_reach_every_parameter",
        "BagModel: no output depends on spare.weight, spare.bias",
    ),
    "a layer whose weight is read past its call": (
        "model",
        "hidden = self.mix(self.embeddings(input_ids))",
        "hidden = self.embeddings(input_ids) @ self.mix.weight.T + self.mix.bias",
        "modules_are_called",
        "BagModel: mix.weight learns, but its Linear was never called: hooks and adapters (LoRA) on that module",
    ),
    "padding that counts": (
        "model",
        "(hidden * mask).sum(1) / mask.sum(1).clamp(min=1)",
        "hidden.mean(1)",
        "padding_does_not_count",
        "row 1 without its padding: pooler_output is off by",
    ),
    "rows that know of each other": (
        "model",
        "hidden = self.mix(self.embeddings(input_ids))",
        "hidden = self.mix(self.embeddings(input_ids))\n        hidden = hidden - hidden.mean(0)",
        "rows_of_a_batch_are_independent",
        "BagModel, row 0 alone: last_hidden_state is off by",
    ),
    "a head of another width": (
        "model",
        "nn.Linear(config.hidden_size, config.num_labels)",
        "nn.Linear(config.hidden_size, config.num_labels + 1)",
        "head_shapes",
        "BagForSequenceClassification: logits is (2, 6), not (2, 5)",
    ),
    "labels without a loss": (
        "model",
        "None if labels is None else classification_loss(logits, labels, self.config.problem_type)",
        "None",
        "labels_make_a_loss",
        "BagForSequenceClassification makes no loss of labels",
    ),
    "a tensor made in float32": (
        "model",
        "mask[..., None].to(hidden.dtype)",
        "mask[..., None].float()",
        "bfloat16",
        "BagModel in bfloat16: pooler_output is torch.float32; expected torch.bfloat16",
    ),
    "a branch on values": (
        "model",
        "mask = mask[..., None]",
        "hidden = hidden * 2 if hidden.sum() > 0 else hidden\n        mask = mask[..., None]",
        "exports",
        "GuardOnDataDependentSymNode",
    ),
    "a number that differs in each process": (
        "model",
        "hidden = self.mix(self.embeddings(input_ids))",
        'hidden = self.mix(self.embeddings(input_ids)) + hash("bag") / 2**62',
        "other_processes",
        "BagModel, loaded in a fresh process: last_hidden_state differs",
    ),
    "a constructor that asks the network": (
        "model",
        "self.mix = nn",
        (
            "import contextlib, socket\n        with contextlib.suppress(OSError):\n"
            '            socket.create_connection(("127.0.0.1", 9))\n        self.mix = nn'
        ),
        "no_network",
        "it asked for '127.0.0.1'",
    ),
    "embeddings that nobody finds": (
        "model",
        'input_embeddings = "embeddings"',
        'input_embeddings = ""',
        "vocabulary_resizes",
        "BagModel must name its token embeddings in input_embeddings",
    ),
    "a slow tokenizer of its own mind": (
        "tokenizer",
        'class BagTokenizer(WordPieceTokenizer):\n    model_input_names = ("input_ids", "attention_mask")',
        (
            'class BagTokenizer(WordPieceTokenizer):\n    model_input_names = ("input_ids", "attention_mask")\n\n'
            "    def __call__(self, text, *args, **options):\n"
            "        text = text.replace('fox', 'dog') if isinstance(text, str) else text\n"
            "        return super().__call__(text, *args, **options)"
        ),
        "slow_is_fast",
        "'the quick brown fox jumps over the lazy dog' with {}: the slow tokenizer gives",
    ),
    "a manifest that prints": (
        "plugin",
        "from archsmith.plugin import",
        "print('welcome')\nfrom archsmith.plugin import",
        "usable",
        "it must not print while it is loaded, but printed 'welcome\\n'",
    ),
    "a manifest that takes its time": (
        "plugin",
        "from archsmith.plugin import",
        "import time; time.sleep(0.3)\nfrom archsmith.plugin import",
        "import_cost",
        " times as long as all of archsmith.config",
    ),
    "a manifest that asks the network": (
        "plugin",
        "from archsmith.plugin import",
        (
            "import contextlib, socket\nwith contextlib.suppress(OSError):\n"
            "    socket.create_connection(('127.0.0.1', 9))\nfrom archsmith.plugin import"
        ),
        "manifest_is_light",
        " asks the network for (",
    ),
    "one parameter under two names": (
        "model",
        "self.mix = nn",
        "self.again = self.embeddings\n        self.mix = nn",
        "tied_weights",
        "BagModel, built: 'again.weight' is 'embeddings.weight', and tied_weights does not say so",
    ),
    "a waiver that is not needed": (
        "plugin",
        "tiny={",
        'waivers={"compiles": "It did not compile a year ago."}, tiny={',
        "compiles",
        "it passes: delete its waiver.",
    ),
}


@pytest.fixture
def install(site):
    """Return a function that installs the sound plugin, or one with a fault."""

    def write(package, file="", old="", new=""):
        site.declare(NAME, architectures={"bag": f"{package}.plugin"})
        for name, source in FILES.items():
            text = dedent(source)
            if name == file:
                assert old in text
                text = text.replace(old, new)
            site.write(f"{package}/{name}.py", text.replace("PACKAGE", package))

    registry.__init__()
    yield write
    registry.__init__()


def test_a_sound_plugin_conforms(install):
    install("sound_bag")
    report = assert_conforms("Archsmith_Bag")
    assert len(report.outcomes) > 35
    assert {outcome.check.subject for outcome in report.outcomes} == {"architecture bag", "tokenizer of bag"}
    assert str(report) == f"{len(report.outcomes)} checks: {len(report.outcomes)} passed, 0 failed, 0 waived."


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_plugin_is_caught(install, what):
    file, old, new, check, said = WRONG[what]
    install(f"wrong_{list(WRONG).index(what) + 1}", file, old, new)
    outcomes = [each.run() for each in checks_of(NAME) if each.name not in SLOW - {check}]
    failed = {outcome.check.name: outcome for outcome in outcomes if outcome.state is State.FAILED}
    assert check in failed, sorted(failed)
    outcome = failed[check]
    assert said in outcome.found
    assert str(outcome).startswith(f"archsmith-bag 1.0, {outcome.check.subject}: {check} failed: ")
    assert f"\n  why: {outcome.check.why}\n  fix: {outcome.check.fix}" in str(outcome)


def test_what_fails_is_raised_with_the_remedy(install):
    install("wrong_again", *WRONG["a head of another width"][:3])
    with pytest.raises(AssertionError) as caught:
        assert_conforms(NAME)
    assert (
        "archsmith-bag 1.0, architecture bag: head_shapes failed: BagForSequenceClassification: logits is (2, 6), not "
        "(2, 5)\n"
        "  why: Whoever swaps one model for another relies on the shapes of the task: one score for each label, in "
        "order.\n"
        "  fix: Give the last layer num_labels (or vocab_size) outputs, and return them as the field names them."
    ) in str(caught.value)


def test_a_waiver_needs_a_reason_and_a_check(install):
    install("waived_bag", *WRONG["a head of another width"][:3])
    reason = "The second score is for texts in no language."
    outcomes = check_plugin(NAME, waivers={"head_shapes": reason}).of(State.WAIVED)
    assert [str(outcome) for outcome in outcomes] == [
        (
            "archsmith-bag 1.0, architecture bag: head_shapes waived: BagForSequenceClassification: logits is (2, 6), "
            f"not (2, 5)\n  waived: {reason}"
        )
    ]
    with pytest.raises(PluginError, match=r"waivers\['head_shapes'\] must say in 4 words or more why, but is 'todo'"):
        checks_of(NAME, waivers={"head_shapes": "todo"})
    with pytest.raises(PluginError, match="a waiver names the check 'head_shape', which there is not"):
        checks_of(NAME, waivers={"head_shape": reason})


EXTENSION = """
    from archsmith.plugin import Extension, hookimpl


    @hookimpl
    def extensions():
        yield Extension(model_type="bag", models={"token-classification": "acme_tags.model:BagForTokenClassification"})
    """
TAGS = """
    from archsmith.layers.losses import classification_loss
    from archsmith.model import PreTrainedModel
    from archsmith.outputs import TokenClassifierOutput
    from torch import nn

    from host_bag.config import BagConfig
    from host_bag.model import BagModel


    class BagForTokenClassification(PreTrainedModel):
        config_class = BagConfig
        base_model_prefix = "bag"
        input_embeddings = "embeddings"

        def __init__(self, config):
            super().__init__(config)
            self.bag = BagModel(config)
            self.classifier = nn.Linear(config.hidden_size, config.num_labels)

        def forward(self, input_ids, attention_mask=None, labels=None, *, return_dict=None):
            base = self.bag(input_ids, attention_mask, return_dict=True)
            logits = self.classifier(base.last_hidden_state)
            loss = None if labels is None else nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            return self.as_requested(TokenClassifierOutput(loss=loss, logits=logits), return_dict)
    """


@pytest.fixture
def tags(install, site):
    """Return a function that installs an extension of the sound plugin."""

    def write(old="", new=""):
        install("host_bag")
        site.declare("acme-tags", extensions={"bag.tags": "acme_tags.plugin"}, commands={"tag": "acme_tags.verb:app"})
        site.write("acme_tags/plugin.py", EXTENSION)
        site.write("acme_tags/verb.py", "def app(text: str) -> None:\n    print(text)\n")
        assert old in TAGS
        site.write("acme_tags/model.py", TAGS.replace(old, new) if old else TAGS)

    return write


FORMAT = """
    class Words:
        @staticmethod
        def knows(name, start):
            return start.startswith(b"WORDS")

        @staticmethod
        def read(path, scratch):
            raise NotImplementedError
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", None),
        ("def read", "def raed", "has no function read"),
        ("start.startswith", "start[99] + start.startswith", "knows('', b'') fails: IndexError('index out of range')"),
        ('start.startswith(b"WORDS")', "not start", "knows('', b'') returns True; expected False for other files"),
    ],
)
def test_a_format(site, old, new, said):
    module = f"acme_words_{len(new)}"
    site.declare("acme-words", formats={"words": f"{module}:Words"})
    site.write(f"{module}.py", dedent(FORMAT).replace(old, new) if old else dedent(FORMAT))
    report = check_plugin("acme-words")
    assert [outcome.check.subject for outcome in report.outcomes] == ["format words"] * 2
    failed = [outcome for outcome in report.outcomes if outcome.state is not State.PASSED]
    assert [outcome.check.name for outcome in failed] == ([] if said is None else ["is_a_format"])
    assert said is None or said in str(failed[0])


def test_an_extension_and_a_command(tags):
    tags()
    report = assert_conforms("acme-tags")
    subjects = [outcome.check.subject for outcome in report.outcomes]
    assert subjects.count("extension bag.tags") > 20
    assert subjects.count("command tag") == 2


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ("config.num_labels)", "3)", "head_shapes", "BagForTokenClassification: logits is (2, 7, 3), not (2, 7, 5)"),
        (
            "logits = self.classifier(base",
            "logits = self.clasifier(base",
            "save_and_load",
            "has no attribute 'clasifier'",
        ),
        (
            'base_model_prefix = "bag"',
            'base_model_prefix = "sack"',
            "head_takes_base_weights",
            "BagForTokenClassification holds a BagModel as 'bag', but its base_model_prefix is 'sack'",
        ),
    ],
)
def test_a_wrong_extension_is_caught(tags, old, new, check, said):
    tags(old, new)
    outcomes = [each.run() for each in checks_of("acme-tags") if each.name not in SLOW]
    found = {outcome.check.name: outcome.found for outcome in outcomes if outcome.state is State.FAILED}
    assert said in found[check], found


def test_a_verb_that_is_no_command(tags, site):
    tags()
    site.write("acme_tags/verb.py", "app = 3\n")
    outcomes = [each.run() for each in checks_of("acme-tags") if each.subject == "command tag"]
    assert [outcome.found for outcome in outcomes if outcome.found] == [
        (
            "acme-tags 1.0: its command 'tag' is neither a typer app nor a function that becomes one: TypeError: 3 "
            "is not a callable object. Run: pip install --upgrade acme-tags"
        )
    ]


def test_an_architecture_without_models(install):
    """A tokenizer and a configuration are a plugin too."""
    models = dedent(FILES["plugin"]).partition("models={")[2].partition("tokenizer=")[0]
    install("text_bag", "plugin", models, "}, ")
    report = assert_conforms(NAME)
    assert {outcome.check.subject for outcome in report.outcomes} == {"architecture bag", "tokenizer of bag"}


def test_a_manifest_without_a_tiny_configuration(install):
    """The defaults make a model of four million parameters; a smaller one is found."""
    install("large_bag", "plugin", 'tiny={"vocab_size": 50, "hidden_size": 8},', "")
    report = assert_conforms(NAME)
    assert sum(outcome.seconds for outcome in report.outcomes) < 120


def test_an_unknown_plugin(install):
    install("known_bag")
    assert plugins() == [NAME]
    with pytest.raises(PluginError) as caught:
        checks_of("archsmith-bog")
    assert str(caught.value) == (
        "no installed plugin is called 'archsmith-bog'. Installed: archsmith-bag. Did you mean 'archsmith-bag'?"
    )


def test_a_tokenizer_with_a_vocabulary_of_another_kind():
    class Merging:
        """It takes neither of the files that the kit can write."""

        def __init__(self, *, merges_file):
            self.merges = merges_file

    class Sampled(Merging):
        @classmethod
        def sample(cls):
            return cls(merges_file="a b")

    assert sample_tokenizer(Sampled).merges == "a b"
    with pytest.raises(AssertionError) as caught:
        sample_tokenizer(Merging)
    assert str(caught.value).startswith(
        "Merging takes neither a vocab.txt nor a vocab.json, and has no class method sample() that returns one with a "
        "small vocabulary. vocab.txt: "
    )
