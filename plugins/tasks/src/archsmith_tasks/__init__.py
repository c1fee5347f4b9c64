"""From a model and an input to an answer: one at a time, a list, or a stream of any length."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_tasks.catalog import all_tasks, find_task
    from archsmith_tasks.pipelines import Pipeline, pipeline
    from archsmith_tasks.results import Failure, Result
    from archsmith_tasks.steps import Example, Options, Parts, TaskSteps
    from archsmith_tasks.task import Task

__all__ = [
    "Example", "Failure", "Options", "Parts", "Pipeline", "Result", "Task", "TaskSteps", "all_tasks", "find_task",
    "pipeline",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "catalog": ["all_tasks", "find_task"],
        "pipelines": ["Pipeline", "pipeline"],
        "results": ["Failure", "Result"],
        "steps": ["Example", "Options", "Parts", "TaskSteps"],
        "task": ["Task"],
    },
)
