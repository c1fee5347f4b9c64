"""Batches of rows of about one length: the order of the inputs, bad ones among them, and how much is read ahead."""

import threading
import time

import pytest
import torch

from archsmith.errors import InputError
from archsmith_tasks import Example, Parts, TaskSteps
from archsmith_tasks.bulk import answers


class Model:
    device = torch.device("cpu")


class Doubling(TaskSteps):
    """Doubles numbers; one of size n takes n places. Below 0 it is bad, 13 breaks the model."""

    budget, window = 64, 128

    def __init__(self):
        super().__init__(Model(), Parts(), self.options_class())
        self.batches, self.prepared = [], 0

    def prepare_one(self, value):
        self.prepared += 1
        if value < 0:
            raise InputError(f"{value} is below 0")
        return [Example({"number": value}, value % 17 + 1), Example({"number": value + 1}, 1)]

    def forward(self, examples):
        numbers = [example.inputs["number"] for example in examples]
        self.batches.append([example.size for example in examples])
        if 13 in numbers:
            raise RuntimeError("the model is superstitious")
        return [2 * number for number in numbers]

    def answer(self, rows):
        return [output for _, output in rows]


def test_results_come_in_the_order_of_the_inputs():
    steps = Doubling()
    values = [number for number in range(1000) if number not in (12, 13)]
    found = list(answers(steps, values))
    assert [value for value, _ in found] == values
    assert [result for _, result in found] == [[2 * value, 2 * value + 2] for value in values]


@pytest.mark.parametrize("rows", [None, 1, 3])
def test_batches_hold_rows_of_one_length_up_to_the_budget(rows):
    steps = Doubling()
    list(answers(steps, [number for number in range(300) if number not in (12, 13)], rows=rows))
    for sizes in steps.batches:
        assert len(sizes) <= (rows or max(1, 64 // sizes[0]))
        assert sizes == sorted(sizes, reverse=True)
    if rows is None:
        waste = sum(len(sizes) * sizes[0] - sum(sizes) for sizes in steps.batches)
        assert waste < 0.1 * sum(map(sum, steps.batches))


def test_bad_inputs_spoil_no_others():
    found = dict(answers(Doubling(), [5, -1, 12, 13, 14]))
    assert found.keys() == {5, -1, 12, 13, 14}
    assert found[5] == [10, 12]
    assert found[14] == [28, 30]
    assert str(found[-1]) == "-1 is below 0"
    said = "Model fails on it: RuntimeError: the model is superstitious."
    for number in (12, 13):  # a row of each
        assert str(found[number]) == said
        assert isinstance(found[number].__cause__, RuntimeError)


def test_a_stream_is_read_two_windows_ahead_at_most():
    steps, taken = Doubling(), 0

    def numbers():
        nonlocal taken
        while True:
            taken += 1
            yield 20

    found = answers(steps, numbers())
    for _ in range(1000):
        next(found)
    time.sleep(0.3)  # whatever reads ahead has time to go too far
    assert taken <= 1000 + 3 * steps.window
    found.close()
    for thread in threading.enumerate():
        if thread.name == "archsmith-tasks-reader":
            thread.join(5)
            assert not thread.is_alive()


@pytest.mark.parametrize("count", [0, 1, 31, 32, 40])
def test_an_error_of_the_stream_comes_behind_what_was_before_it(count):
    def numbers():
        yield from [20] * count
        raise OSError("the disk is gone")

    found = answers(Doubling(), numbers())
    assert [next(found).found for _ in range(count)] == [[40, 42]] * count
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)
