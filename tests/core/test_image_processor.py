"""Image processors: settings, calls and files. The numbers are held against the reference in tests/parity."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from archsmith.config import PreTrainedConfig, field
from archsmith.errors import ArchsmithWarning, CheckpointCorrupt, CheckpointNotFound, InputError, OptionError
from archsmith.image_processor import ImageArea, ImageProcessor, ImageSize, PerChannel, Resample, resize


class ToyImageProcessor(ImageProcessor):
    """With the settings of most published checkpoints, on a small scale."""

    do_resize: bool = True
    size: ImageSize = (5, 6)
    resample: Resample = "PIL.Image.BICUBIC"
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.25, 0.5])


def image(height=8, width=10, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_defaults_of_a_class_are_checked_and_copied():
    processor = ToyImageProcessor()
    assert processor.size == {"height": 5, "width": 6}
    assert processor.resample == 3
    processor.image_mean.append(1.0)
    assert ToyImageProcessor().image_mean == [0.5, 0.5, 0.5]


def test_settings_broken_in_place_can_be_printed():
    processor = ToyImageProcessor()
    processor.image_mean.append("x")
    fault = "image_mean[3] must be a number, but is 'x'"
    assert repr(processor) == f"<ToyImageProcessor: {fault}.>"


@pytest.mark.parametrize("value", [4, "BOX", "box", "PIL.Image.BOX", "PIL.Image.Resampling.BOX", Image.Resampling.BOX])
def test_ways_to_name_a_filter(value):
    assert ToyImageProcessor(resample=value).resample == 4


@pytest.mark.parametrize(
    ("given", "square", "meant"),
    [
        (5, True, {"height": 5, "width": 5}),
        (5, False, {"shortest_edge": 5}),
        (np.int64(5), True, {"height": 5, "width": 5}),
        ((5, 7), True, {"height": 5, "width": 7}),
        ([5, 7], False, {"height": 5, "width": 7}),
        ({"width": 7, "height": 5}, True, {"height": 5, "width": 7}),
        ({"longest_edge": 9, "shortest_edge": 5}, True, {"shortest_edge": 5, "longest_edge": 9}),
        ({"height": 5, "width": 5, "shortest_edge": None}, True, {"height": 5, "width": 5}),
        ({"max_height": 5, "max_width": 7}, True, {"max_height": 5, "max_width": 7}),
    ],
)
def test_forms_of_a_size(given, square, meant):
    assert ToyImageProcessor(size=given, default_to_square=square).size == meant


def test_all_faults_in_one_error():
    with pytest.raises(OptionError) as error:
        ToyImageProcessor(size={"height": 3}, resample="BOXY", do_rescale="maybe", rescale=0.5, crop_size=0)
    assert str(error.value) == (
        "ToyImageProcessor:\n"
        "  - 'rescale' is not a setting of ToyImageProcessor. Did you mean 'do_rescale'?\n"
        "  - size must be a number, a pair (height, width) or a mapping {height, width} or {shortest_edge} or "
        "{shortest_edge, longest_edge} or {longest_edge} or {max_height, max_width}, but is {'height': 3}\n"
        "  - resample must be one of 0 NEAREST, 1 LANCZOS, 2 BILINEAR, 3 BICUBIC, 4 BOX, 5 HAMMING, by number or by "
        "name, but is 'BOXY'. Did you mean 'BOX'?\n"
        "  - crop_size['height'] must be an integer from 1 to 2147483647, but is 0\n"
        "  - do_rescale must be true or false, but is 'maybe'."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"do_center_crop": True}, "do_center_crop needs crop_size."),
        ({"image_mean": [0.5]}, "image_mean is [0.5] and image_std is [0.5, 0.25, 0.5]; they must have one length."),
        (
            {"image_std": [1e-300, 1, 1]},
            "image_std is [1e-300, 1.0, 1.0], but pixels are float32: expected 0, or 1e-15 to 1e+15.",
        ),
        (
            {"image_mean": [0, -1e300, 0]},
            "image_mean is [0.0, -1e+300, 0.0], but pixels are float32: expected 0, or 1e-15 to 1e+15.",
        ),
        ({"rescale_factor": 1e-30}, "rescale_factor is 1e-30, but pixels are float32: expected 0, or 1e-15 to 1e+15."),
        ({"image_std": 0}, "image_std is 0.0, but pixels are divided by it: expected more than 0."),
        ({"rescale_factor": 0}, "rescale_factor is 0.0, but must be more than 0."),
        ({"crop_size": {"shortest_edge": 3}}, "crop_size must have a height and a width, but is {'shortest_edge': 3}."),
        ({"resample": True}, "resample must be one of 0 NEAREST, .*, but is True."),
        ({"resample": 2.0}, "resample must be one of 0 NEAREST, .*, but is 2.0."),
        (
            {"data_format": "first"},
            "data_format must be one of 'channels_first', 'channels_last' or null, but is 'first'.",
        ),
        ({"image_mean": [0.5, float("nan"), 0.5]}, "image_mean must be finite, but is .*"),
    ],
)
def test_wrong_settings(settings, message):
    pattern = message if ".*" in message else re.escape(message)
    with pytest.raises(OptionError, match=f"^ToyImageProcessor: {pattern}$"):
        ToyImageProcessor(**settings)
    with pytest.raises(OptionError, match=pattern):
        ToyImageProcessor()(image(), **settings)


def test_a_call_changes_nothing():
    processor = ToyImageProcessor()
    before = processor.to_dict()
    changed = processor(image(), size=3, do_normalize=False, return_tensors="np").pixel_values
    assert changed.shape == (1, 3, 3, 3)
    assert processor.to_dict() == before


def test_assignments_are_checked():
    processor = ToyImageProcessor()
    processor.size = 9
    assert processor.size == {"height": 9, "width": 9}
    with pytest.raises(
        OptionError,
        match=r"^ToyImageProcessor: 'do_resise' is not a setting of ToyImageProcessor\. Did you mean 'do_resize'\?$",
    ):
        processor.do_resise = False
    with pytest.raises(OptionError, match="do_resize must be true or false, but is 3"):
        processor.do_resize = 3


def test_files_round_trip(tmp_path):
    processor = ToyImageProcessor(size={"shortest_edge": 5}, do_center_crop=True, crop_size=4)
    (path,) = processor.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert path == str(tmp_path / "preprocessor_config.json")
    assert written["image_processor_type"] == "ToyImageProcessor"
    assert written["archsmith"]["version"]
    for where in (tmp_path, path):
        assert ToyImageProcessor.from_pretrained(where) == processor
    assert ToyImageProcessor.from_pretrained(path, crop_size=3).crop_size == {"height": 3, "width": 3}


def test_unknown_keys_of_a_file_are_kept(tmp_path):
    content = {"do_resize": False, "crop_pct": 0.9, "processor_class": "ToyProcessor", "size": None}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    processor = ToyImageProcessor.from_pretrained(tmp_path)
    assert processor.extra == {"crop_pct": 0.9, "processor_class": "ToyProcessor"}
    processor.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert (written["crop_pct"], written["do_resize"], written["size"]) == (0.9, False, None)


def test_old_spellings_of_a_file():
    old = {"size": 30, "max_size": 50, "feature_extractor_type": "ToyFeatureExtractor"}
    assert ToyImageProcessor.from_dict(old).size == {"shortest_edge": 30, "longest_edge": 50}
    assert ToyImageProcessor.from_dict(old).extra == {}


def test_a_misspelt_key_of_a_file_is_announced():
    with pytest.warns(ArchsmithWarning) as said:
        ToyImageProcessor.from_dict({"do_resise": False}, source="x.json")
    assert str(said[0].message) == (
        "x.json: 'do_resise' is not a setting of ToyImageProcessor and has no effect. Did you mean 'do_resize'?"
    )


def test_files_that_contradict_each_other_are_refused(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"size": 3}')
    (tmp_path / "processor_config.json").write_text('{"processor_class": "P", "image_processor": {"size": 5}}')
    with pytest.raises(CheckpointCorrupt) as error:
        ToyImageProcessor.from_pretrained(tmp_path)
    assert str(error.value) == (
        f"{str(tmp_path)!r}: size is {{'height': 5, 'width': 5}} in processor_config.json, but "
        "{'height': 3, 'width': 3} in preprocessor_config.json. Delete the one that is out of date, or pass size=…"
    )
    assert ToyImageProcessor.from_pretrained(tmp_path, size=4).size == {"height": 4, "width": 4}
    (tmp_path / "preprocessor_config.json").write_text('{"size": 3, "feature_extractor_type": "F"}')  # another part's
    assert ToyImageProcessor.from_pretrained(tmp_path).size == {"height": 5, "width": 5}
    (tmp_path / "preprocessor_config.json").write_text('{"size": 3}')
    (tmp_path / "processor_config.json").write_text('{"processor_class": "P"}')
    assert ToyImageProcessor.from_pretrained(tmp_path).size == {"height": 3, "width": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"size": -1}', r"size\['height'\] must be an integer from 1 to 2147483647, but is -1"),
        ('{"image_mean": "grey"}', "image_mean must be a number or a list of numbers or null, but is 'grey'"),
        ('{"do_center_crop": true}', "do_center_crop needs crop_size"),
    ],
)
def test_wrong_files(tmp_path, content, message):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(content)
    with pytest.raises(CheckpointCorrupt, match=f"^{re.escape(str(path))}: ToyImageProcessor: {message}.$"):
        ToyImageProcessor.from_pretrained(tmp_path)


@pytest.mark.parametrize("values", [[1], None, "size"])
def test_what_is_no_content_of_a_file(values):
    with pytest.raises(OptionError, match=r"^ToyImageProcessor must be built from a mapping, but got "):
        ToyImageProcessor.from_dict(values)
    with pytest.raises(CheckpointCorrupt, match="a setting's name must be a string, but is 1"):
        ToyImageProcessor.from_dict({1: 2})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointNotFound, match=r"has no file 'preprocessor_config\.json'"):
        ToyImageProcessor.from_pretrained(tmp_path)


def test_settings_of_its_own():
    class Inverting(ToyImageProcessor):
        invert: bool = False

        def scale(self, pixels):
            return super().scale(255 - pixels if self.invert else pixels)

    values = Inverting(invert=True)(255 - image(5, 6), return_tensors="np").pixel_values
    assert np.array_equal(values, ToyImageProcessor()(image(5, 6), return_tensors="np").pixel_values)
    with pytest.raises(OptionError, match="invert must be true or false"):
        Inverting(invert="no")


def test_images_of_several_sizes():
    images = [image(8, 10), image(5, 4)]
    processor = ToyImageProcessor(do_resize=False)
    assert [each.shape for each in processor(images).pixel_values] == [(3, 8, 10), (3, 5, 4)]
    with pytest.raises(InputError, match=r"the images have several sizes \(4 x 5, 10 x 8\), but one tensor needs one"):
        processor(images, return_tensors="np")
    padded = processor(images, do_pad=True, return_tensors="np").pixel_values
    assert padded.shape == (2, 3, 8, 10)
    assert np.array_equal(padded[1, :, :5, :4], processor(images).pixel_values[1])
    assert not padded[1, :, 5:].any()
    last = processor(images, do_pad=True, data_format="channels_last", return_tensors="np").pixel_values
    assert np.array_equal(last, np.moveaxis(padded, 1, -1))
    with pytest.raises(InputError, match="image 0 has 10 x 8 pixels, too many to pad it to 9 x 9"):
        processor(images, do_pad=True, pad_size=9)


def test_many_threads_share_one():
    processor, images = ToyImageProcessor(), [image(20 + each, 30, seed=each) for each in range(40)]
    expected = [processor(each, return_tensors="np").pixel_values[0] for each in images]
    assert np.array_equal(processor(images, return_tensors="np").pixel_values, expected)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: processor(each, return_tensors="np").pixel_values[0], images))
    assert np.array_equal(found, expected)


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
import numpy
from archsmith import ViTImageProcessor
from archsmith.errors import MissingDependency
processor = ViTImageProcessor(do_resize=False)
print(processor(numpy.zeros((3, 8, 9), numpy.uint8), return_tensors="np").pixel_values.shape)
for call in (lambda: processor(__file__), lambda: ViTImageProcessor()(numpy.zeros((8, 9), numpy.uint8))):
    try:
        call()
    except MissingDependency as error:
        print(error)
"""


def test_without_pillow(tmp_path):
    (tmp_path / "program.py").write_text(WITHOUT_PILLOW)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=True)
    missing = 'images need the library pillow, which is not installed. Run: pip install "archsmith[vision]"'
    assert done.stdout.splitlines() == ["(1, 3, 8, 9)", missing, missing]


def test_maps_of_labels_are_resized_without_mixing_them():
    labels = np.array([[0, 70_000], [5, 2**31 - 1]]).repeat(3, 0).repeat(3, 1)[:, :, None]
    assert np.array_equal(resize(labels, 2, 2, resample=0)[:, :, 0], labels[::3, ::3, 0])
    assert resize(labels.astype(np.int32), 2, 2, resample=0).dtype == np.int32
    with pytest.raises(InputError, match="labels of type int64 can only be resized with resample NEAREST, not 2"):
        resize(labels, 2, 2)
    with pytest.raises(InputError, match="labels must fit into 32 bits, but range from 0 to 2147483648"):
        resize(np.array([[[0], [2**31]]]), 2, 2, resample=0)


def test_a_longest_edge_that_was_given_apart():
    processor = ToyImageProcessor(size=30, max_size=50)
    assert processor.size == {"shortest_edge": 30, "longest_edge": 50}
    assert processor.changed(max_size=40).size == {"shortest_edge": 30, "longest_edge": 40}
    processor.max_size = 60
    assert processor.size == {"shortest_edge": 30, "longest_edge": 60}
    with pytest.raises(OptionError, match="max_size is the longest edge beside a size of one number, but size is"):
        ToyImageProcessor(max_size=50)


def test_one_number_means_what_the_same_call_says():
    processor = ToyImageProcessor(default_to_square=False, size=5)
    assert processor.changed(size=7).size == {"shortest_edge": 7}
    assert processor.changed(size=7, default_to_square=True).size == {"height": 7, "width": 7}
    processor.size = 9
    assert processor.size == {"shortest_edge": 9}


def test_null_has_one_rule(tmp_path):
    """A flag is off; what an active step needs is refused; an absent key has its default."""
    processor = ToyImageProcessor(size=3)
    assert processor(image(), do_normalize=None, do_rescale=None, return_tensors="np").pixel_values.max() > 99
    assert processor.changed(do_resize=None).do_resize is False
    assert ToyImageProcessor(size=None, do_resize=None).size is None
    assert ToyImageProcessor(default_to_square=None, size=4).size == {"shortest_edge": 4}
    cases = {
        "do_resize needs size": {"size": None},
        "do_resize needs resample": {"resample": None},
        "do_normalize needs image_mean": {"image_mean": None},
        "do_normalize needs image_mean and image_std": {"image_mean": None, "image_std": None},
        "do_rescale needs rescale_factor": {"rescale_factor": None},
        "do_center_crop needs crop_size": {"do_center_crop": True, "crop_size": None},
    }
    path = tmp_path / "preprocessor_config.json"
    for message, settings in cases.items():
        for call in (
            ToyImageProcessor,
            processor.changed,
            lambda **given: processor(image(), **given),
        ):
            with pytest.raises(OptionError, match=f"^ToyImageProcessor: {message}.$"):
                call(**settings)
        path.write_text(json.dumps(settings))
        with pytest.raises(CheckpointCorrupt, match=f": ToyImageProcessor: {message}.$"):
            ToyImageProcessor.from_pretrained(tmp_path)
    path.write_text('{"do_resize": null, "size": null, "do_convert_rgb": null}')
    loaded = ToyImageProcessor.from_pretrained(tmp_path)
    assert (loaded.do_resize, loaded.size, loaded.do_convert_rgb, loaded.do_normalize) == (False, None, False, True)
    loaded.save_pretrained(tmp_path)
    assert ToyImageProcessor.from_pretrained(tmp_path) == loaded
    assert json.loads(path.read_text())["size"] is None
    with pytest.raises(CheckpointCorrupt, match=r"with do_resize of the call: .*do_resize needs size"):
        ToyImageProcessor.from_pretrained(tmp_path, do_resize=True)
    assert ToyImageProcessor.from_pretrained(tmp_path, do_resize=True, size=3).size == {"height": 3, "width": 3}


# ---- which file is whose, and what overrides do ---------------------------------------------------------------

SOUND = {"do_normalize": True, "feature_size": 1, "padding_value": 0.0, "sampling_rate": 16000}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"model_type": "vit", "image_size": 224},
            "this is not the file of a ToyImageProcessor, but of a confi",
        ),
        ({"architectures": ["ViTModel"]}, "this is not the file of a ToyImageProcessor, but of a confi"),
        (SOUND, "this is not the file of a ToyImageProcessor, but of a feature extractor"),
        (
            SOUND | {"feature_extractor_type": "Wav2Vec2FeatureExtractor"},
            "but of a feature extractor: it holds do_norma",
        ),
        (
            {"feature_extractor_type": "Wav2Vec2FeatureExtractor"},
            "is 'Wav2Vec2FeatureExtractor', which is not an",
        ),
        ({"image_processor_type": 3}, "image_processor_type is 3, which is not an image processor."),
        ({"image_processor_type": ["x"]}, "image_processor_type is ['x'], which is not an image processor."),
        (
            {"vocab_size": 3, "the": 1},
            "this is not the file of a ToyImageProcessor: it holds the, vocab_size.",
        ),
        (
            {"weight_map": {}, "metadata": {}},
            "this is not the file of a ToyImageProcessor: it holds metadata, we",
        ),
    ],
)
def test_a_file_of_another_kind(tmp_path, content, message):
    path = tmp_path / "some.json"
    path.write_text(json.dumps(content))
    for read in (lambda: ToyImageProcessor.from_pretrained(path), lambda: ToyImageProcessor.from_dict(content)):
        with pytest.raises((CheckpointCorrupt, CheckpointNotFound)) as error:
            read()
        assert message in str(error.value) or "holds another kind's. AutoProcessor reads whatever" in str(error.value)
    with pytest.raises(CheckpointCorrupt, match=re.escape(message)):
        ToyImageProcessor.from_dict(content, source=str(path))


def test_a_folder_of_an_audio_model(tmp_path):
    for content in (SOUND, SOUND | {"feature_extractor_type": "Nobodys"}):
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
        with pytest.raises(CheckpointNotFound) as error:
            ToyImageProcessor.from_pretrained(tmp_path)
        assert str(error.value) == (
            f"{str(tmp_path)!r} has no settings of a ToyImageProcessor: preprocessor_config.json holds another kind's. "
            "AutoProcessor reads whatever is there."
        )
        with pytest.raises(CheckpointNotFound, match="has no settings of a ToyImageProcessor"):
            ToyImageProcessor.from_pretrained(tmp_path, size=3)


def test_a_file_of_another_class_is_announced():
    for named in ("ToyImageProcessor", "ToyImageProcessorFast", "ToyImageProcessorPil", "ToyFeatureExtractor"):
        key = "feature_extractor_type" if "Feature" in named else "image_processor_type"
        assert ToyImageProcessor.from_dict({key: named, "size": 3}).size == {"height": 3, "width": 3}

    class Finer(ToyImageProcessor):
        pass

    assert Finer.from_dict({"image_processor_type": "ToyImageProcessor", "size": 3}).size["width"] == 3
    for named in ("DeiTImageProcessor", "Finer"):
        with pytest.warns(ArchsmithWarning) as said:
            ToyImageProcessor.from_dict({"image_processor_type": named, "size": 3}, source="x.json")
        assert str(said[0].message) == (
            f"x.json: image_processor_type is {named!r}, but ToyImageProcessor reads it: what {named} does in its own "
            "way is not done. An Auto class picks the class by that name."
        )
        assert said[0].filename == __file__


def test_a_flat_processor_file_counts(tmp_path):
    flat, own = tmp_path / "processor_config.json", tmp_path / "preprocessor_config.json"
    flat.write_text('{"processor_class": "P", "image_processor_type": "ToyImageProcessor", "size": 5}')
    assert ToyImageProcessor.from_pretrained(tmp_path).size == {"height": 5, "width": 5}
    own.write_text('{"size": 5}')
    assert ToyImageProcessor.from_pretrained(tmp_path).size == {"height": 5, "width": 5}
    own.write_text('{"size": 3}')
    with pytest.raises(CheckpointCorrupt, match=r"size is \{'height': 5, 'width': 5\} in processor_config.json, but"):
        ToyImageProcessor.from_pretrained(tmp_path)
    flat.write_text('{"processor_class": "P", "patch_size": 14}')  # settings of the processor itself
    assert ToyImageProcessor.from_pretrained(tmp_path).size == {"height": 3, "width": 3}


def test_two_longest_edges():
    both = {"size": {"shortest_edge": 3, "longest_edge": 9}, "max_size": 8}
    message = "max_size is 8 and size['longest_edge'] is 9, but they are one setting. Leave max_size out."
    for make in (lambda: ToyImageProcessor(**both), lambda: ToyImageProcessor()(image(), **both)):
        with pytest.raises(OptionError, match=f"^ToyImageProcessor: {re.escape(message)}$"):
            make()
    with pytest.raises(CheckpointCorrupt, match=re.escape(message)):
        ToyImageProcessor.from_dict(both)
    assert ToyImageProcessor(**both | {"max_size": 9}).size == both["size"]
    assert ToyImageProcessor.from_dict(both, size=4).size == {"height": 4, "width": 4}
    assert ToyImageProcessor(size=both["size"]).changed(max_size=8).size == {"shortest_edge": 3, "longest_edge": 8}


@pytest.mark.parametrize(
    ("content", "overrides"),
    [
        ({"size": -1}, {"size": 3}),
        ({"size": {"height": 3}, "max_size": 9}, {"size": 3}),
        ({"image_mean": "grey"}, {"image_mean": [0.5, 0.5, 0.5]}),
        ({"image_mean": None}, {"do_normalize": False}),
        ({"do_center_crop": True}, {"crop_size": 3}),
        ({"do_center_crop": True, "crop_size": 0}, {"do_center_crop": False, "crop_size": None}),
        ({"resample": "BOXY", "size": None}, {"resample": "BOX", "do_resize": None}),
    ],
)
def test_an_override_mends_the_file(tmp_path, content, overrides):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointCorrupt):
        ToyImageProcessor.from_pretrained(tmp_path)
    loaded = ToyImageProcessor.from_pretrained(tmp_path, **overrides)
    for name, value in ToyImageProcessor(**overrides).to_dict().items():
        assert name not in overrides or loaded.to_dict()[name] == value


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"size": -1}, "size['height'] must be an integer from 1 to 2147483647, but is -1."),
        ({"sise": 1}, "'sise' is not a setting of ToyImageProcessor. Did you mean 'size'?"),
        ({"do_pad": 3}, "do_pad must be true or false, but is 3."),
    ],
)
def test_an_override_that_is_wrong_is_the_callers(tmp_path, overrides, message):
    path = tmp_path / "preprocessor_config.json"
    path.write_text("{}")
    with pytest.raises(OptionError) as error:
        ToyImageProcessor.from_pretrained(tmp_path, **overrides)
    assert str(error.value) == f"ToyImageProcessor: {message}"
    path.write_text('{"resample": "BOXY"}')
    with pytest.raises((OptionError, CheckpointCorrupt)) as error:
        ToyImageProcessor.from_pretrained(tmp_path, **overrides)
    assert f"{message.rstrip('.')}, as the call has it" in str(error.value)
    path.write_text("{}")
    for changed, missing in (({"do_center_crop": True}, "crop_size"), ({"image_mean": None}, "image_mean")):
        with pytest.raises(CheckpointCorrupt, match=rf"with {next(iter(changed))} of the call: .* needs {missing}\.$"):
            ToyImageProcessor.from_pretrained(tmp_path, **changed)


def test_arguments_that_a_call_does_not_take():
    with pytest.raises(OptionError) as error:
        ToyImageProcessor()(image(), "np")
    assert str(error.value) == (
        "ToyImageProcessor: too many positional arguments. Pass by name: images, return_tensors, settings."
    )
    with pytest.raises(OptionError, match=r"^ToyImageProcessor: missing a required argument: 'images'\."):
        ToyImageProcessor()()


def test_for_a_model_what_is_cropped_has_its_size_too():
    class Cropping(ImageProcessor):
        do_resize: bool = True
        size: ImageSize = field(default={"shortest_edge": 224})
        default_to_square: bool = False
        do_center_crop: bool = True
        crop_size: ImageArea = field(default={"height": 224, "width": 224})

    class Config(PreTrainedConfig):
        image_size: int = 32
        num_channels: int = 3

    processor = Cropping.for_model(Config())
    assert (processor.size, processor.crop_size) == ({"shortest_edge": 32}, {"height": 32, "width": 32})
    pixels = processor([np.zeros((50, 70, 3), np.uint8), np.zeros((90, 40, 3), np.uint8)], return_tensors="np")
    assert pixels.pixel_values.shape == (2, 3, 32, 32)
    assert ImageProcessor.for_model(Config()).crop_size is None


def test_arguments_may_be_what_to_dict_returns(tmp_path):
    processor = ToyImageProcessor(size=3)
    assert ToyImageProcessor(**processor.to_dict()) == processor
    assert ToyImageProcessor(processor_class="Mine").to_dict()["processor_class"] == "Mine"
    assert ToyImageProcessor.from_dict(processor.to_dict(), size=4).size == {"height": 4, "width": 4}
    with pytest.raises(OptionError, match=r"^ToyImageProcessor: image_processor_type is 3, which is not an image"):
        ToyImageProcessor(image_processor_type=3)
    processor.to_json_file(tmp_path / "mine.json")
    assert ToyImageProcessor.from_json_file(tmp_path / "mine.json") == processor


def test_preprocess_is_the_call():
    processor = ToyImageProcessor()
    expected = processor(image(), size=3, return_tensors="np").pixel_values
    assert np.array_equal(processor.preprocess(images=image(), size=3, return_tensors="np").pixel_values, expected)
    with pytest.raises(OptionError, match="missing a required argument: 'images'"):
        processor.preprocess()
