"""Task keys: each of the oracle's Auto classes of models has one, which spells its name as the oracle does."""

import archsmith
from archsmith.tasks import TASKS, auto_class_name, published_task

from .oracle import transformers


def test_every_auto_class_has_its_task():
    theirs = {name for name in dir(transformers) if name.startswith("AutoModelFor")}
    assert {auto_class_name(task) for task in TASKS} == theirs
    for name in theirs:
        assert getattr(archsmith, name).__name__ == name


def test_a_key_is_the_kebab_case_of_the_class():
    for task, suffix in TASKS.items():
        assert published_task(suffix) == task
        assert task.replace("-", "") == suffix.lower()
