"""Bad images give an error or the right answer, never something silently wrong; odd but good ones are understood."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archsmith import ViTImageProcessor
from archsmith.errors import ArchsmithWarning, InputError, OptionError
from archsmith.image_processor import resize

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
GREY = PIXELS[:, :, 0]
IMAGE = Image.fromarray(PIXELS)
PROCESSOR = ViTImageProcessor(do_resize=False, do_normalize=False, do_rescale=False)


def encoded(image=IMAGE, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(source, **settings):
    """Return what becomes of one image, (height, width, channels), from 0 to 255."""
    (values,) = PROCESSOR(source, data_format="channels_last", **settings).pixel_values
    assert values.dtype == np.float32
    return values


def claiming(width, height):
    """A PNG of a few bytes whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def flipped(data, places):
    broken = bytearray(data)
    for place in places:
        broken[place] ^= 0xFF
    return bytes(broken)


def closed():
    image = IMAGE.copy()
    image.close()
    return image


PNG, JPEG, GIF, BMP = encoded(), encoded(kind="JPEG"), encoded(kind="GIF"), encoded(kind="BMP")
WEBP, TIFF = encoded(kind="WEBP", lossless=True), encoded(kind="TIFF", compression="tiff_deflate")
FLOAT = PIXELS.astype(np.float32)
UNIT = FLOAT / 255

BAD = {
    # nothing, or no image
    "none": (
        None,
        "it must be a path, the bytes of a file, a PIL.Image.Image, a numpy array or a torch tensor, but is ",
    ),
    "a number": (3, "but is 3 of type int"),
    "an empty list": ([], r"images holds no image: \[\]"),
    "lists of nothing": ([[], []], "images holds no image"),
    "a list with none": ([IMAGE, None], "image 1 of 2: it must be a path"),
    "a list of numbers": ([[1, 2], [3, 4]], "image 0 of 4: it must be a path, .*, but is 1 of type int"),
    "a dictionary": ({"image": IMAGE}, "of type dict"),
    "a set": ({1, 2}, "of type set"),
    "a generator": ((each for each in [IMAGE]), "of type generator"),
    "a class": (Image.Image, "of type type"),
    "lists without end": ([[[[[[[[[[IMAGE]]]]]]]]]], "nested deeper than 8 lists"),
    "a complex number": (1j, "of type complex"),
    # files
    "no such file": ("no/such/file.png", "there is no file 'no/such/file.png'"),
    "an empty path": ("", "there is no file ''|not a regular file"),
    "a folder": (str(Path(__file__).parent), "is not a regular file"),
    "a web address": ("https://example.org/cat.png", "is an address; only local files are read, nothing is fetched"),
    "a file address": ("file:///etc/passwd", "is an address"),
    "a data address": ("data:image/png;base64,iVBORw0KGgo=", "is an address"),
    "a device": ("/dev/zero", "is not a regular file"),
    "a text file": (__file__, "is damaged, or not of a known format; expected PNG, JPEG, WEBP, BMP, GIF, TIFF"),
    "a path with a null": ("a\0b", "there is no file"),
    "base64": ("iVBORw0KGgo=" * 400, "there is no file|cannot be read"),
    # bytes
    "no bytes": (b"", "the file of 0 bytes is damaged, or not of a known format"),
    "text": (b"hello", "is damaged, or not of a known format"),
    "the start of a PNG": (PNG[:8], "is damaged|cannot be opened"),
    "half a PNG": (PNG[: len(PNG) // 2], "is damaged"),
    "a PNG without its last pixels": (PNG[:-40], "is damaged"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "is damaged|cannot be opened"),
    "a JPEG without its end": (JPEG[:-20], "is damaged"),
    "half a GIF": (GIF[: len(GIF) // 2], "is damaged"),
    "half a BMP": (BMP[: len(BMP) // 2], "is damaged"),
    "half a WebP": (WEBP[: len(WEBP) // 2], "is damaged|cannot be opened"),
    "half a TIFF": (TIFF[: len(TIFF) // 2], "is damaged|cannot be opened"),
    "a PNG with wrong pixels": (flipped(PNG, [len(PNG) // 2]), "is damaged"),
    "a PNG with a wrong header": (flipped(PNG, [18]), "is damaged|cannot be opened"),
    "a PNG of another size": (claiming(200, 200), "is damaged"),
    "a PNG of no size": (claiming(0, 0), "is damaged|cannot be opened|no pixels"),
    "a bomb": (claiming(60_000, 60_000), "is too large|above the limit"),
    "a small bomb": (claiming(10_000, 9_000), "is too large|above the limit"),
    "an icon": (encoded(kind="ICO"), "not of a known format"),
    "a PPM": (encoded(kind="PPM"), "not of a known format"),
    "a PDF": (b"%PDF-1.4 ...", "not of a known format"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not of a known format"),
    "a PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not of a known format"),
    "a numpy file": (b"\x93NUMPY\x01\x00", "not of a known format"),
    "a pickle": (b"\x80\x04\x95", "not of a known format"),
    # images of Pillow
    "an image without pixels": (Image.new("RGB", (0, 5)), "it has no pixels: 0 x 5"),
    "a closed image": (closed(), "is unusable: Operation on closed image"),
    "a home of nobody": ("~nobody-of-that-name/x.png", "cannot be opened: Could not determine home directory"),
    "a lazy half": (Image.open(io.BytesIO(PNG[: len(PNG) // 2])), "is damaged"),
    "integers beyond an image": (Image.fromarray(np.full((4, 4), 70_000, np.int32)), "range from 70000 to 70000"),
    "negative integers": (Image.fromarray(np.full((4, 4), -1, np.int32)), "range from -1 to -1"),
    "NaN in an image": (Image.fromarray(np.full((4, 4), np.nan, np.float32)), "not all finite"),
    # arrays
    "an array of no axis": (np.array(3), r"its shape is \(\)"),
    "an array of one axis": (np.zeros(5, np.uint8), r"its shape is \(5,\); expected \(height, width\)"),
    "an array of five axes": (np.zeros((1, 1, 3, 4, 4), np.uint8), "its shape is"),
    "no pixels": (np.zeros((0, 5, 3), np.uint8), r"it has no pixels: its shape is \(0, 5, 3\)"),
    "no columns": (np.zeros((5, 0, 3), np.uint8), "it has no pixels"),
    "no channels": (np.zeros((5, 5, 0), np.uint8), "it has no pixels"),
    "an empty batch": (np.zeros((0, 3, 5, 5), np.uint8), "images holds no image"),
    "two channels": (
        np.zeros((9, 9, 2), np.uint8),
        r"its shape is \(9, 9, 2\); expected 1, 3 or 4 channels in the first",
    ),
    "five channels": (np.zeros((5, 9, 9), np.uint8), "expected 1, 3 or 4 channels"),
    "channels on both sides": (np.zeros((3, 9, 3), np.uint8), r"can be read in two ways. Pass input_data_format="),
    "three rows": (np.zeros((3, 9, 4), np.uint8), "can be read in two ways"),
    "NaN": (np.where(GREY > 9, UNIT[:, :, 0], np.nan), "not all finite: there is NaN or infinity"),
    "infinity": (np.where(GREY > 9, UNIT[:, :, 0], np.inf), "not all finite"),
    "minus infinity": (np.where(GREY > 9, UNIT[:, :, 0], -np.inf), "not all finite"),
    "negative numbers": (UNIT - 0.5, "range from -0.5 to 0.5; expected 0 to 255, or 0 to 1 as decimal numbers"),
    "slightly negative numbers": (UNIT - 1e-6, "range from -1e-06"),
    "numbers beyond 255": (FLOAT * 2, "range from 0 to 510"),
    "integers beyond 255": (PIXELS.astype(np.int64) + 300, "range from 300 to 555"),
    "negative bytes": (PIXELS.astype(np.int8), "range from -128 to 127"),
    "16 bits that may be 8": (PIXELS.astype(np.uint16), "16-bit numbers of at most 255: nearly black, or 8 bits"),
    "objects": (np.full((4, 4), "x", dtype=object), "its pixels are of type object"),
    "texts": (np.array([["a", "b"]]), "its pixels are of type <U1"),
    "complex numbers": (UNIT.astype(np.complex64), "its pixels are of type complex64"),
    "times": (np.zeros((4, 4), "datetime64[s]"), "its pixels are of type datetime64"),
    "records": (np.zeros((4, 4), [("r", "u1")]), "its pixels are of type"),
    "a ragged array": (np.array([np.zeros(2), np.zeros(3)], dtype=object), "its shape is"),
    # tensors
    "a tensor of nothing": (torch.zeros(0, 3, 4, 4), "images holds no image"),
    "a tensor without values": (torch.zeros(3, 4, 5, device="meta"), "its tensor cannot be read"),
    "a sparse tensor": (torch.zeros(4, 5).to_sparse(), "its tensor cannot be read"),
    "NaN in a tensor": (torch.full((3, 5, 6), float("nan")), "not all finite"),
    "normalised tensors": (torch.linspace(-2, 2, 90).reshape(3, 5, 6), "range from -2 to 2"),
}


@pytest.mark.parametrize(("source", "message"), BAD.values(), ids=BAD)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bad_images(source, message):
    for processor in (PROCESSOR, ViTImageProcessor(size=8)):
        with pytest.raises(InputError, match=message):
            processor(source, return_tensors="pt")


def test_there_are_many_bad_images():
    assert len(BAD) >= 80


@pytest.mark.parametrize("values", [UNIT, UNIT.astype(np.float64), torch.from_numpy(UNIT), UNIT.astype(np.float16)])
def test_numbers_that_were_rescaled_already(values):
    message = (
        "the image: its pixels are decimal numbers of at most 1, as if they were rescaled already. Pass "
        "do_rescale=False to take them as they are, or multiply them by 255."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ViTImageProcessor()(values)
    assert np.allclose(pixels(values), UNIT, atol=1e-3)
    ours = ViTImageProcessor(size=(24, 32))(values, do_rescale=False, return_tensors="np").pixel_values
    assert np.allclose(ours, ViTImageProcessor(size=(24, 32))(PIXELS, return_tensors="np").pixel_values, atol=0.02)
    black = np.zeros((9, 9, 3), np.float32)  # means one thing either way
    assert np.array_equal(ViTImageProcessor()(black).pixel_values[0], np.full((3, 224, 224), -1, np.float32))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_that_was_cut_gives_an_error_or_the_whole_image(kind):
    whole = encoded(kind=kind)
    expected = pixels(whole)
    refused = 0
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        try:
            found = pixels(whole[:length])
        except InputError:
            refused += 1
        else:
            assert np.array_equal(found, expected), f"{length} of {len(whole)} bytes"
    assert refused > 40


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF"])
def test_files(tmp_path, kind):
    path = tmp_path / f"image.{kind.lower()}"
    path.write_bytes(encoded(kind=kind, **({"lossless": True} if kind == "WEBP" else {})))
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.open(path)):
        assert np.array_equal(pixels(source), PIXELS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(orientation):
    upright = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.swapaxes(0, 1),
        6: PIXELS.swapaxes(0, 1)[:, ::-1],
        7: PIXELS.swapaxes(0, 1)[::-1, ::-1],
        8: PIXELS.swapaxes(0, 1)[::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "TIFF"):
        data = encoded(kind=kind, exif=exif)
        assert np.array_equal(pixels(data), upright)
        opened = Image.open(io.BytesIO(data))
        assert np.array_equal(pixels(opened), upright)
        assert np.array_equal(pixels(opened), upright)  # the image itself was not turned


def test_damaged_exif_is_refused():
    with pytest.raises(InputError, match="its EXIF data is damaged, so which side is up is not known"):
        pixels(encoded(exif=b"Exif\0\0II*\0\xff\xff"))


SHADES = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
OPACITY = SHADES.T
SEE_THROUGH = Image.merge("RGBA", [Image.fromarray(each) for each in (SHADES, SHADES, 255 - SHADES, OPACITY)])


def on_white(colour, opacity):
    return np.round(colour * (opacity / 255) + 255 * (1 - opacity / 255))


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_modes_without_opacity(mode):
    image = IMAGE.convert(mode)
    assert np.array_equal(pixels(image), np.asarray(image.convert("RGB")))


def test_opacity_lies_on_white():
    expected = on_white(np.asarray(SEE_THROUGH)[:, :, :3], OPACITY[:, :, None])
    assert np.abs(pixels(SEE_THROUGH) - expected).max() <= 1
    assert np.array_equal(pixels(np.asarray(SEE_THROUGH)), expected)
    assert np.allclose(pixels(np.asarray(SEE_THROUGH) / 255), expected / 255, atol=1 / 255)
    for mode in ("LA", "La", "RGBa", "PA"):
        image = SEE_THROUGH.convert("LA").convert(mode) if mode in ("La", "PA") else SEE_THROUGH.convert(mode)
        shown = np.asarray(image.convert("LA").convert("RGBA") if mode == "La" else image.convert("RGBA"))
        assert np.abs(pixels(image) - on_white(shown[:, :, :3], shown[:, :, 3:])).max() <= 1


def test_a_transparent_colour_lies_on_white():
    palette = Image.fromarray(SHADES).convert("P")
    assert np.array_equal(pixels(encoded(palette, transparency=7))[0, 7], [255, 255, 255])
    assert np.array_equal(pixels(encoded(palette, transparency=bytes([0] * 9)))[0, 8], [255, 255, 255])
    assert np.array_equal(pixels(encoded(palette, kind="GIF", transparency=7))[0, 7], [255, 255, 255])
    coloured = encoded(IMAGE, transparency=tuple(int(value) for value in PIXELS[2, 3]))
    assert np.array_equal(pixels(coloured)[2, 3], [255, 255, 255])


def test_channels_are_kept_where_asked():
    assert pixels(IMAGE.convert("L"), do_convert_rgb=False).shape == (24, 32, 1)
    assert pixels(IMAGE.convert("1"), do_convert_rgb=False).max() == 255
    assert np.array_equal(pixels(SEE_THROUGH, do_convert_rgb=False), np.asarray(SEE_THROUGH))
    assert pixels(IMAGE.convert("P"), do_convert_rgb=False).shape == (24, 32, 3)
    with pytest.raises(InputError, match=r"image_mean is \[0.5, 0.5, 0.5\], but the image has 1 channel; expected one"):
        pixels(GREY, do_convert_rgb=False, do_normalize=True)


WIDE = np.array([[0, 1, 128, 129, 257], [300, 32_896, 65_278, 65_407, 65_535]], np.uint16)
NARROW = np.array([[0, 0, 0, 1, 1], [1, 128, 254, 255, 255]])


def test_16_bits_become_8():
    sources = [Image.fromarray(WIDE), encoded(Image.fromarray(WIDE)), encoded(Image.fromarray(WIDE), kind="TIFF"), WIDE]
    for source in [*sources, WIDE.astype(">u2"), torch.from_numpy(WIDE)]:
        assert np.array_equal(pixels(source)[:, :, 1], NARROW)
    dark = encoded(Image.fromarray(np.full((3, 5), 200, np.uint16)))  # a file says that it has 16 bits
    assert np.array_equal(pixels(dark), np.full((3, 5, 3), 1))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_of_several_images_is_announced(kind):
    frames = [Image.fromarray(SHADES), Image.fromarray(OPACITY)]
    data = encoded(frames[0], kind=kind, save_all=True, append_images=frames[1:])
    with pytest.warns(
        ArchsmithWarning, match=r"^the file of \d+ bytes holds several images; the first one is used\.$"
    ) as said:
        found = pixels(data)
    assert said[0].filename == __file__
    opened = Image.open(io.BytesIO(data))
    with pytest.warns(ArchsmithWarning, match=r"holds several images; the one at which it stands is used\.$"):
        assert np.array_equal(pixels(opened), found)
    opened.seek(1)
    with pytest.warns(ArchsmithWarning, match="the one at which it stands is used"):
        assert np.abs(pixels(opened)[:, :, 0] - OPACITY).max() <= (8 if kind == "WEBP" else 0)
    assert np.abs(found[:, :, 0] - SHADES).max() <= (8 if kind == "WEBP" else 0)


@pytest.mark.parametrize(
    "source",
    [
        PIXELS,
        PIXELS.astype(np.int64),
        PIXELS.astype(np.float32),
        PIXELS.astype(">f8"),
        np.moveaxis(PIXELS, -1, 0),
        np.asfortranarray(PIXELS),
        np.repeat(PIXELS, 2, axis=1)[:, ::2],
        PIXELS[None],
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).to(torch.bfloat16).round().to(torch.int32) * 0 + torch.from_numpy(PIXELS).int(),
        torch.from_numpy(FLOAT).requires_grad_(),
        [PIXELS],
        ([IMAGE],),
        [[PIXELS[None]]],
    ],
)
def test_ways_to_pass_a_image(source):
    assert np.array_equal(pixels(source), PIXELS)


def test_truth_values_are_black_and_white():
    assert np.array_equal(pixels(GREY > 99), np.repeat((GREY > 99)[:, :, None], 3, axis=2) * 255)


def test_one_pixel():
    for source in (IMAGE.crop((0, 0, 1, 1)), PIXELS[:1, :1, 0], Image.new("1", (1, 1), 1)):
        assert ViTImageProcessor()(source, return_tensors="np").pixel_values.shape == (1, 3, 224, 224)
    assert np.array_equal(pixels(PIXELS[:1, :1], input_data_format="channels_last"), PIXELS[:1, :1])


def test_the_order_of_channels_can_be_told():
    strip = RNG.integers(0, 256, (3, 40, 3), dtype=np.uint8)
    assert np.array_equal(pixels(strip, input_data_format="channels_last"), strip)
    assert np.array_equal(pixels(strip, input_data_format="channels_first"), np.moveaxis(strip, 0, -1))
    with pytest.raises(InputError, match="expected 1, 3 or 4 channels in the first place"):
        pixels(PIXELS, input_data_format="channels_first")


def test_decimal_numbers_between_the_pixels():
    between = PIXELS[:20] * 0.5 + 0.25
    assert np.array_equal(pixels(between), between.astype(np.float32))
    resized = pixels(between, do_resize=True, size=(10, 16), resample="BOX")
    blocks = between.reshape(10, 2, 16, 2, 3).mean((1, 3))
    assert np.allclose(resized, blocks, atol=1e-3)


def test_a_image_that_would_become_too_large():
    strip = np.zeros((1, 40_000, 3), np.uint8)
    message = "it would be resized to 8960000 x 224 pixels, above the limit of 89,478,485"
    with pytest.raises(InputError, match=message):
        ViTImageProcessor(size={"shortest_edge": 224})(strip, input_data_format="channels_last")
    long = ViTImageProcessor(size={"longest_edge": 100})(strip, input_data_format="channels_last")
    assert long.pixel_values[0].shape == (3, 1, 100)


def test_the_limit_of_pixels_can_be_changed(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 32 - 1)
    with pytest.raises(InputError, match=r"too large|has 32 x 24 pixels, above the limit of 767"):
        pixels(PNG)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert np.array_equal(pixels(PNG), PIXELS)


def test_a_file_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "real.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to("real.png")
    assert np.array_equal(pixels(tmp_path / "link.png"), PIXELS)


def test_a_bad_image_among_good_ones_is_named():
    with pytest.raises(InputError, match=r"^image 2 of 4: the file of 4 bytes is damaged, or not of a known format"):
        PROCESSOR([IMAGE, PIXELS, b"oops", IMAGE])


def test_a_call_takes_no_other_option():
    with pytest.raises(OptionError, match=r"'use_fast' is not a setting of ViTImageProcessor\. There is one kind"):
        ViTImageProcessor(use_fast=True)
    with pytest.raises(OptionError, match="return_tensors is 'tf'; expected 'pt' for torch, 'np' for numpy, or None"):
        PROCESSOR(IMAGE, return_tensors="tf")


def lines_of(width, height):
    """A whole PNG of few bytes and very many pixels."""
    row, packer = b"\0" * (1 + -(-width // 8)), zlib.compressobj(9)
    packed = b"".join(packer.compress(row * (height // 1000)) for _ in range(1000)) + packer.flush()
    body = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in body
    )


def test_a_side_has_a_limit():
    """Every row costs something, however short it is; so does every column."""
    for data, size in ((lines_of(1, 1_000_000), "1 x 1000000"), (claiming(70_000, 2), "70000 x 2")):
        for source in (data, Image.open(io.BytesIO(data))):
            with pytest.raises(InputError) as error:
                pixels(source)
            assert str(error.value).endswith(
                f"has {size} pixels, but a side may have 65,536. Cut it into pieces, or lift both limits of size: "
                "PIL.Image.MAX_IMAGE_PIXELS = None."
            )
    assert pixels(np.zeros((1, 70_000), np.uint8)).shape == (1, 70_000, 3)  # the caller has it in memory already
    assert pixels(lines_of(16, 65_000)).shape == (65_000, 16, 3)


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((9, 9), {"size": 100_000}, "it would be resized to 100000 x 100000 pixels, above the limit of 89,478,485"),
        ((9, 9), {"size": (1, 100_000)}, "it would be resized to 100000 x 1 pixels, but a side may have 65,536"),
        ((9, 9), {"size": {"longest_edge": 2**31 - 1}}, "it would be resized to 2147483647 x 2147483647 pixels, above"),
        ((1, 2000), {"size": {"shortest_edge": 50}}, "it would be resized to 100000 x 50 pixels, but a side may have"),
        ((60_000, 1), {"size": (9, 9000)}, "to be resized it would become 9000 x 60000 pixels, above the limit"),
        (
            (9, 9),
            {"do_resize": False, "do_center_crop": True, "crop_size": 2**31 - 1},
            "it would be cropped to 21474",
        ),
        ((9, 9), {"do_resize": False, "do_pad": True, "pad_size": 2**31 - 1}, "the batch would be padded to 21474836"),
    ],
)
def test_a_number_of_settings_can_not_take_all_memory(shape, settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        ViTImageProcessor(**settings)(np.zeros((*shape, 3), np.uint8), input_data_format="channels_last")


def test_two_images_can_not_take_all_memory_together():
    images = [np.zeros((1, 60_000, 3), np.uint8), np.zeros((60_000, 1, 3), np.uint8)]
    with pytest.raises(InputError, match="the batch would be padded to 60000 x 60000 pixels, above the limit"):
        ViTImageProcessor(do_resize=False, do_pad=True)(images, input_data_format="channels_last")


@pytest.mark.parametrize("wrong", [{"height": 0}, {"height": 2.5}, {"width": "9"}, {"width": True}, {"resample": 7}])
def test_what_nothing_can_be_resized_to(wrong):
    with pytest.raises(OptionError, match="must be"):
        resize(PIXELS, **{"height": 9, "width": 9} | wrong)
