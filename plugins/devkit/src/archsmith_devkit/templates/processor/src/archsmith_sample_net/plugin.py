"""What this distribution provides, by name. It imports nothing but archsmith.plugin, so that listing it is cheap."""

from collections.abc import Iterator

from archsmith.plugin import Preprocessing, hookimpl


@hookimpl
def processors() -> Iterator[Preprocessing]:
    """Yield SampleNet's preprocessing; whoever publishes a model names the classes in its own manifest."""
    yield Preprocessing(
        name="sample-net",
        tokenizer="archsmith_sample_net.tokenizer:SampleNetTokenizer",
        tokenizer_fast="archsmith_sample_net.tokenizer:SampleNetTokenizerFast",
        image_processor="archsmith_sample_net.image_processor:SampleNetImageProcessor",
        processor="archsmith_sample_net.processor:SampleNetProcessor",
        waivers={"steps_do_what_they_say": "A margin is cut off before all other steps."},
    )
