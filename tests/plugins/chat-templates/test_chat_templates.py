"""Conversations that cannot be, options that contradict each other, and templates that are written to harm."""

import pickle
import resource
import threading
import time

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from archsmith.errors import ArchsmithWarning, InputError, MissingDependency, OptionError
from archsmith.tokenizer import PreTrainedTokenizerFast
from archsmith_chat_templates import sandbox
from archsmith_wordpiece import BertTokenizer

CHATML = "{% for m in messages %}{{ '<' + m.role + '>' + m.content + '<end>' }}{% endfor %}"
ASK = {"role": "user", "content": "hello"}
SPOKEN = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"


@pytest.fixture
def tokenizer():
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "world": 2, "[PAD]": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    found = PreTrainedTokenizerFast(words, unk_token="[UNK]", pad_token="[PAD]")
    found.chat_template = CHATML
    return found


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ("hello", "conversation must be a list of at least one message, but is 'hello'."),
        (None, "conversation must be a list of at least one message, but is None."),
        ([], "conversation must be a list of at least one message, but is []."),
        (ASK, "conversation must be a list of at least one message, but is {'role': 'user', 'content': 'hello'}."),
        ([[ASK], []], "conversation[1] must be a list of at least one message, but is []."),
        ([[ASK], ASK], ("conversation[1] must be a list of at least one message, but is {'role': 'user', "
         "'content': 'hello'}.")),
        (["hello"], "conversation[0] must be a dictionary with role and content, but is 'hello'."),
        ([{"content": "a"}], ("conversation[0] has the role None; expected one of system, user, assistant, tool, "
         "developer, function, ipython, or a role that the template names.")),
        ([ASK, {"role": "asistant", "content": "a"}], ("conversation[1] has the role 'asistant'; expected one of "
         "system, user, assistant, tool, developer, function, ipython, or a role that the template names. Did you mean "
         "'assistant'?")),
        ([{"role": 5, "content": "a"}], ("conversation[0] has the role 5; expected one of system, user, assistant, "
         "tool, developer, function, ipython, or a role that the template names.")),
        ([{"role": "user", "content": None}], ("conversation[0] has the content None; expected a text, or a list of "
         "parts.")),
        ([{"role": "user"}], "conversation[0] has the content None; expected a text, or a list of parts."),
        ([{"role": "user", "content": 5}], "conversation[0] has the content 5; expected a text, or a list of parts."),
        ([{"role": "user", "content": [object]}], ("conversation[0]['content'][0] is <class 'object'>; expected texts, "
         "numbers, lists and dictionaries, as JSON has them.")),
    ],
)  # fmt: skip
def test_bad_conversations(tokenizer, conversation, said):
    with pytest.raises(InputError) as error:
        tokenizer.apply_chat_template(conversation, tokenize=False)
    assert str(error.value) == said


def test_a_conversation_without_end(tokenizer):
    message = dict(ASK)
    message["self"] = message
    with pytest.raises(InputError, match="nested"):
        tokenizer.apply_chat_template([message])


def test_roles_that_a_template_names(tokenizer):
    named = "{{ messages|selectattr('role', 'equalto', 'document')|map(attribute='content')|first }}"
    conversation = [ASK, {"role": "document", "content": "paper"}]
    assert tokenizer.apply_chat_template(conversation, chat_template=named, tokenize=False) == "paper"


def test_messages_are_not_changed(tokenizer):
    conversation = [{**ASK, "thinking": "hm", "tool_calls": None, "more": [1, (2.5, True)]}]
    tokenizer.apply_chat_template(conversation, continue_final_message=True)
    assert conversation == [{**ASK, "thinking": "hm", "tool_calls": None, "more": [1, (2.5, True)]}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"continue_final_message": True, "add_generation_prompt": True},
         "continue_final_message and add_generation_prompt contradict each other. Leave one out."),
        ({"continue_final_message": True, "return_assistant_tokens_mask": True},
         "continue_final_message and return_assistant_tokens_mask contradict each other. Leave one out."),
        ({"continue_final_message": 5}, "continue_final_message must be True, False or a key, but is 5."),
        ({"return_assistant_tokens_mask": True, "tokenize": False},
         "return_assistant_tokens_mask=True needs tokenize=True and return_dict=True."),
        ({"return_assistant_tokens_mask": True},
         "return_assistant_tokens_mask needs {% generation %} blocks, and the chat template has none."),
        ({"add_generation_promt": True}, ("'add_generation_promt' is no option, and the chat template does not read "
         "it. Did you mean 'add_generation_prompt'?")),
        ({"mesages": []}, "'mesages' is no option, and the chat template does not read it. Did you mean 'messages'?"),
        ({"chat_template": "rag"}, ("there is no chat template 'rag'; this tokenizer has: default. Pass "
         "chat_template=…, one of these names or a template in Jinja, or set tokenizer.chat_template.")),
        ({"chat_template": 5},
         ("there is no chat template 5; this tokenizer has: default. Pass chat_template=…, one of "
         "these names or a template in Jinja, or set tokenizer.chat_template.")),
        ({"tokenizer_kwargs": {"add_special_tokens": True}}, ("tokenizer_kwargs has 'add_special_tokens', which "
         "apply_chat_template itself gives. Take it out.")),
        ({"tokenize": "no"}, "tokenize must be True or False, but is 'no'."),
        ({"return_tensors": "tf"},
         "return_tensors is 'tf'; expected 'pt' for torch, 'np' for numpy, or None for lists."),
    ],
)  # fmt: skip
def test_bad_options(tokenizer, options, said):
    with pytest.raises(OptionError) as error:
        tokenizer.apply_chat_template([ASK], **options)
    assert str(error.value) == said


def test_no_template(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(OptionError, match=r"there is no chat template 'default'; this tokenizer has: none. Pass"):
        tokenizer.apply_chat_template([ASK])


def test_a_message_that_cannot_be_gone_on_with(tokenizer):
    for last, options in (({"role": "assistant", "content": None, "tool_calls": []}, {}), (ASK, {"name": "thinking"})):
        name = options.get("name", True)
        with pytest.raises(InputError, match=r"the last message has no text '(content|thinking)' to go on with"):
            tokenizer.apply_chat_template([ASK, last], continue_final_message=name)
    with pytest.raises(InputError, match="leaves out or changes the text to go on with"):
        tokenizer.apply_chat_template([ASK], chat_template="{{ 'a' }}", continue_final_message=True)
    parts = [{"type": "text", "text": "one"}, {"type": "image"}, {"type": "text", "text": "two "}, {"type": "image"}]
    template = "{% for p in messages[0].content %}{{ p.text }}|{% endfor %}"
    options = {"chat_template": template, "continue_final_message": True, "tokenize": False}
    assert tokenizer.apply_chat_template([{"role": "user", "content": parts}], **options) == "one||two "


def test_tools_that_are_none(tokenizer):
    tokenizer.chat_template = "{% for tool in tools %}{{ tool }}{% endfor %}"
    with pytest.raises(InputError, match="a tool must be a description, as a mapping, or a function, but is 'f'"):
        tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tools=["f"])


def test_a_text_to_go_on_with_that_comes_twice(tokenizer):
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{{ message.content }}{% endfor %}"
    with pytest.raises(InputError, match="writes the text to go on with more than once"):
        tokenizer.apply_chat_template([{"role": "assistant", "content": "hi"}], continue_final_message=True)


def test_tools_that_the_template_does_not_read(tokenizer):
    with pytest.warns(ArchsmithWarning, match="does not read tools, so the model will know nothing of them"):
        tokenizer.apply_chat_template([ASK], tools=[{"name": "a"}])
    with pytest.raises(InputError, match="a tool must be a description, as a mapping, or a function, but is <object"):
        tokenizer.apply_chat_template([ASK], chat_template="{{ tools }}", tools=[object()])


def undescribed(city: str):
    """Tell it."""


def untyped(city):
    """Tell it.

    Args:
        city: The city.
    """


def of_bytes(city: bytes):
    """Tell it.

    Args:
        city: The city.
    """


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (lambda city: city, "has no docstring that says what it does. Give each argument a type hint"),
        (
            undescribed,
            "the tool 'undescribed' has an argument 'city' that its docstring does not describe under Args:.",
        ),
        (untyped, "the tool 'untyped' has an argument 'city' without a type hint, or of any number."),
        (of_bytes, "the tool 'of_bytes' has 'city' of the type"),
    ],
)
def test_functions_that_say_too_little(tokenizer, tool, said):
    with pytest.raises(InputError) as error:
        tokenizer.apply_chat_template([ASK], chat_template="{{ tools }}", tools=[tool])
    assert said in str(error.value)


def test_several_templates(tokenizer):
    tokenizer.chat_template = {"default": "usual", "tool_use": "{{ tools }}", "short": "{{ messages[0].content }}"}
    assert tokenizer.apply_chat_template([ASK], tokenize=False) == "usual"
    assert tokenizer.apply_chat_template([ASK], tools=[{"name": "a"}], tokenize=False) == "[{'name': 'a'}]"
    assert tokenizer.apply_chat_template([ASK], chat_template="short", tokenize=False) == "hello"
    assert pickle.loads(pickle.dumps(tokenizer)).chat_template == tokenizer.chat_template


def test_masks_need_offsets_and_truncation_keeps_them_in_step(tokenizer, tmp_path):
    (tmp_path / "words.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n")
    slow = BertTokenizer(vocab_file=str(tmp_path / "words.txt"))
    with pytest.raises(OptionError, match="needs a fast tokenizer"):
        slow.apply_chat_template([ASK], chat_template=SPOKEN, return_assistant_tokens_mask=True)
    assert slow.apply_chat_template([ASK], chat_template=SPOKEN).input_ids == [5]
    template = "{% for m in messages %}a {% generation %}{{ m.content }}{% endgeneration %} b{% endfor %}"
    options = {"chat_template": template, "return_assistant_tokens_mask": True}
    for side, ids, mask in (("right", [0, 1], [0, 1]), ("left", [1, 0], [1, 0])):
        tokenizer.truncation_side = side
        encoded = tokenizer.apply_chat_template([ASK], truncation=True, max_length=2, **options)
        assert (encoded.input_ids, encoded["assistant_masks"]) == (ids, mask)
        assert "offset_mapping" not in encoded
    more = {"tokenizer_kwargs": {"return_overflowing_tokens": True, "return_offsets_mapping": True}}
    encoded = tokenizer.apply_chat_template([ASK], truncation=True, max_length=2, **options, **more)
    assert encoded["assistant_masks"] == [[1, 0], [0]]
    assert encoded["offset_mapping"][1] == [(0, 1)]
    blanks = "{% set text %}{% generation %} {{ messages[0].content }} {% endgeneration %}{% endset %}{{ text|trim }}"
    with pytest.raises(InputError, match="changes the text of a generation block"):
        tokenizer.apply_chat_template([ASK], chat_template=blanks, return_assistant_tokens_mask=True)


# ---- templates of strangers -----------------------------------------------------------------------------------------

BIG = "{% set ns = namespace(x='aa', l=[]) %}{% for i in range(20) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"
TOO_MUCH = "it takes too many steps, or makes too much text"
NESTED = "{% for i in range(99999) %}{% for j in range(99999) %}%s{% endfor %}{% endfor %}"
HOSTILE = {
    "loops": (NESTED.replace("%s", "{% set x = 1 %}"), TOO_MUCH),
    "static text": (NESTED.replace("%s", "x" * 100_000), TOO_MUCH),
    "comparisons": (BIG + "{% set y = 'b' + ns.x %}" + NESTED.replace("%s", "{% if y in ns.x %}{% endif %}"), TOO_MUCH),
    "a filter's block": ("{% filter upper %}" + NESTED.replace("%s", "a") + "{% endfilter %}", TOO_MUCH),
    "a set block": (BIG + "{% set y %}{% for i in range(9999) %}{{ ns.x }}{% endfor %}{% endset %}", TOO_MUCH),
    "slices": (BIG + "{% for i in range(9999) %}{% set ns.l = ns.l + [ns.x[1:]] %}{% endfor %}", TOO_MUCH),
    "macros": ("{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}", TOO_MUCH),
    "doubling": ("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                 TOO_MUCH),
    "lists in lists": (("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
                       "{% endfor %}{{ ns.x }}"), TOO_MUCH),
    "dictionaries": (("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = dict(a=ns.x, b=ns.x) %}"
                     "{% endfor %}{{ ns.x }}"), TOO_MUCH),
    "replace": (BIG + "{{ ns.x.replace('a', ns.x)|length }}", TOO_MUCH),
    "replace as a filter": (BIG + "{{ [ns.x]|map('replace', 'a', ns.x)|list|length }}", TOO_MUCH),
    "join": (BIG + "{{ range(99999)|join(ns.x)|length }}", TOO_MUCH),
    "join as a method": (BIG + "{{ ns.x.join(range(99999)|map('string'))|length }}", TOO_MUCH),
    "squares": ("{% set ns = namespace(x=99) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
                TOO_MUCH),
    "a text times a number": ("{{ 'a' * 1000000000 }}", TOO_MUCH),
    "a list times a number": ("{{ [0] * 1000000000 }}", "it calculates a list * a int"),
    "powers": ("{{ 9 ** 9 ** 9 }}", "it calculates a int ** a int"),
    "widths": ("{{ '%1000000000d' % 1 }}", "it calculates a str % a int"),
    "format": ("{{ '{:1000000000}'.format(1) }}", "it reads the attribute 'format' of a str"),
    "methods that pad": ("{{ 'a'.ljust(1000000000) }}", "it reads the attribute 'ljust' of a str"),
    "filters that pad": ("{{ 'a'|center(1000000000) }}", "No filter named 'center'"),
    "indents": ("{{ messages|tojson(indent=1000000000) }}", "tojson is to indent or to separate by very long texts"),
    "dates": ("{{ strftime_now('%999999999Y') }}", "strftime_now is given a width, or a very long pattern"),
    "long ranges": ("{{ range(1000000000)|list|length }}", "Range too big"),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "maximum recursion depth exceeded"),
    "nested too deep": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "maximum recursion depth exceeded"),
    "too long": ("{{ 1 }}" + "x" * 2**20, "it has 1,048,583 characters, and 1,048,576 are the most"),
    "classes": ("{{ messages.__class__ }}", "it reads the attribute '__class__' of a list"),
    "classes by key": ("{{ ''['__class__'] }}", "it reads the attribute '__class__' of a str"),
    "classes by filter": ("{{ ''|attr('__class__') }}", "No filter named 'attr'"),
    "classes by map": ("{{ ['']|map(attribute='__class__')|list }}", "it reads the attribute '__class__' of a str"),
    "globals": ("{{ raise_exception.__globals__ }}", "it reads the attribute '__globals__' of a function"),
    "names of a namespace": ("{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.__class__ }}",
                             "it reads the attribute '__class__' of a Namespace"),
    "changes": ("{{ messages.append(1) }}", "it reads the attribute 'append' of a list"),
    "includes": ("{% include '/etc/passwd' %}", "no loader for this environment specified"),
    "imports": ("{% import 'os' as os %}", "no loader for this environment specified"),
    "what is not there": ("{{ a.b }}", "'a' is undefined"),
    "what is not Jinja": ("\n{% for %}", "Expected an expression, got 'end of statement block'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates(tokenizer, name):
    template, said = HOSTILE[name]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(InputError, match="the chat template cannot be applied") as error:
        tokenizer.apply_chat_template([ASK], chat_template=template, tokenize=False)
    assert said in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000  # KiB
    assert time.monotonic() - start < 60


def test_an_end_of_time(tokenizer, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_SECONDS", 0.0)
    with pytest.raises(InputError, match=TOO_MUCH):
        tokenizer.apply_chat_template([ASK])


def test_a_template_may_refuse(tokenizer):
    template = "\n{{ raise_exception('Roles must alternate.') }}"
    with pytest.raises(InputError) as error:
        tokenizer.apply_chat_template([ASK], chat_template=template)
    assert str(error.value) == "the chat template refuses the conversation: Roles must alternate."
    with pytest.raises(InputError, match=r"the chat template cannot be applied, line 2: Encountered unknown tag 'fr'"):
        tokenizer.apply_chat_template([ASK], chat_template="\n{% fr %}")


def test_a_long_conversation_has_room(tokenizer):
    long = [{"role": role, "content": "hello " * 100} for _ in range(1000) for role in ("user", "assistant")]
    assert len(tokenizer.apply_chat_template(long, tokenize=False)) > 1_200_000
    scanning = "{% for m in messages %}{% set rest = messages[loop.index0:] %}{{ rest|length }}{% endfor %}"
    assert tokenizer.apply_chat_template(long, chat_template=scanning, tokenize=False).startswith("200019991998")


def test_what_templates_may_use(tokenizer):
    cases = {
        "{{ '-' * 3 }}": "---",
        "{{ ['a', 1]|join(', ') }}{{ '-'.join(['x', 'y']) }}": "a, 1x-y",
        "{{ messages|join('+', attribute='content') }}": "hello",
        "{{ 'abab'.replace('a', 'c') }}{{ 'abab'|replace('a', 'c', 1) }}": "cbcbcbab",
        "{{ {'b': 1, 'a': 'é<'}|tojson }}": '{"b": 1, "a": "é<"}',
        "{{ {'b': 1, 'a': 'é'}|tojson(ensure_ascii=True, sort_keys=True, separators=(',', ':')) }}":
            r'{"a":"\u00e9","b":1}',
        "{{ 'a\nb'|indent(2) }}": "a\n  b",
        "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}"
        "{% endfor %}": "013",
        "{% for i in [1, 2, 3] %}{{ loop.length }}{{ loop.last }}{{ loop.previtem }}{% endfor %}":
            "3False3False13True2",
        "{% for a, b in {'x': 1}.items() %}{{ a }}{{ b }}{% else %}none{% endfor %}": "x1",
        "{% macro m(t, k=[1]) %}{{ t }}{{ k }}{{ caller() }}{% endmacro %}{% call m('a') %}b{% endcall %}": "a[1]b",
        "{% for n in [[1, []], [2, [[3, []]]]] recursive %}{{ n[0] }}{{ loop(n[1]) }}{% endfor %}": "123",
        "{{ dict(a=1) }}{{ (1, 2)[::-1] }}{{ messages[-1]['content'][1:] }}": "{'a': 1}(2, 1)ello",
        "{% set x = namespace(y=0) %}{% for i in [1, 2] %}{% set x.y = x.y + i %}{% endfor %}{{ x.y }}": "3",
        "{{ strftime_now('%Y')|length }}{{ bos_token is defined }}{{ unk_token }}": "4False[UNK]",
        "{{ '%s' }}{{ 7 % 4 }}{{ 2.5 * 2 }}{{ 7 // 2 }}": "%s35.03",
    }  # fmt: skip
    for template, text in cases.items():
        assert tokenizer.apply_chat_template([ASK], chat_template=template, tokenize=False) == text


def test_threads_share_a_tokenizer(tokenizer):
    long = [ASK] * 300
    alone, found = tokenizer.apply_chat_template(long, tokenize=False), []
    threads = [
        threading.Thread(target=lambda: found.append(tokenizer.apply_chat_template(long, tokenize=False)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 8


def test_without_the_package(tokenizer, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "archsmith_chat_templates", None)
    with pytest.raises(MissingDependency) as error:
        tokenizer.apply_chat_template([ASK])
    assert str(error.value) == (
        "chat templates need archsmith-chat-templates, which is not installed. Run: pip install "
        '"archsmith-chat-templates"'
    )
