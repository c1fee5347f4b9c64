"""What this distribution adds, by name. It imports nothing but archsmith.plugin, so that listing it is cheap."""

from collections.abc import Iterator

from archsmith.plugin import Extension, hookimpl


@hookimpl
def extensions() -> Iterator[Extension]:
    """Yield the task for DistilBert."""
    yield Extension(
        model_type="distilbert",
        models={
            "sample-net": "archsmith_sample_net.model:DistilBertForSampleNet",
        },
    )
