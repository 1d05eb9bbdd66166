"""The shipped picture codec: its files, what they hold, and that they decode to the same pixels always."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass import bits, compress, decompress, load, photos
from hourglass.errors import BadData, BadFile, BadOption, DamagedFile, HourglassError
from hourglass.files import read_model
from hourglass.uses import photo

GOLDEN = Path(__file__).parent / "golden"
PIXELS = {  # cut-outs of Kodak pictures, which are free to use, as the first release of photo-1 decoded them
    "fence": "0831ebf997029a47c3eec3a4",
    "hats": "ee1d8183294e4c75f57b8146",
    "sky": "f78b1f443e1336234ed19957",
    "fence-short": "0831ebf997029a47c3eec3a4",  # the same in the second format
}


@pytest.fixture(scope="module")
def scene() -> np.ndarray[Any, Any]:
    """A part of the sample photograph, (80, 120, 3)."""
    path = Path(photos.__file__).parent / "cli" / "samples" / "photo.png"
    return np.asarray(Image.open(path).convert("RGB"))[40:120, 60:180].copy()


def psnr(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], white: float = 255) -> float:
    return float(10 * np.log10(white**2 / np.square(one.astype(float) - other).mean()))


def digest(pixels: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:24]


@pytest.mark.parametrize("name", PIXELS)
def test_golden_files_decode_to_their_pixels_forever(name: str) -> None:
    assert digest(decompress(GOLDEN / f"photo-1-{name}.hgz")) == PIXELS[name]


def test_a_loaded_codec_is_the_same_codec() -> None:
    """Its weights are wider in memory, for other uses, and it is saved as it was."""
    found = photos.of_model(load(photos.PRETRAINED / "photo-1.hourglass").model_)
    assert found is not None
    assert found.fingerprint == photos.shipped().fingerprint == "5a17b77327f31755"


def one_thread() -> AbstractContextManager[Any]:
    torch.set_num_threads(1)
    return nullcontext()


def two_threads() -> AbstractContextManager[Any]:
    torch.set_num_threads(2)
    return nullcontext()


SWITCHES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "one thread": one_thread,
    "two threads": two_threads,
    "half precision": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "without oneDNN": lambda: torch.backends.mkldnn.flags(enabled=False),
}


@pytest.mark.filterwarnings("ignore:TF32")  # torch, about its own switch
@pytest.mark.parametrize("decoding", SWITCHES)
@pytest.mark.parametrize("encoding", ["one thread", "half precision"])
def test_pixels_are_the_same_whatever_is_switched_on(scene: np.ndarray[Any, Any], encoding: str, decoding: str) -> None:
    threads = torch.get_num_threads()
    try:
        with SWITCHES[encoding]():
            data = compress(scene, quality=60)
        expected = decompress(data)
        with SWITCHES[decoding]():
            again = decompress(data)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(expected, again)
    assert psnr(expected, scene) > 29


def test_pixels_are_the_same_in_another_layout_and_precision(scene: np.ndarray[Any, Any]) -> None:
    model = read_model(photos.PRETRAINED / "photo-1.hourglass")
    model.encoder.to(torch.float64)  # the sender's half may be computed in any way
    model.decoder.to(memory_format=torch.channels_last)
    other = photos.of_model(model)
    assert other is not None
    data = compress(scene, quality=30)
    header, chunks = bits.read_container(data)
    pixels, _ = other.codec.decompress(chunks, header["shape"], "uint8", 300)
    assert np.array_equal(pixels, decompress(data))


def test_other_weights_are_another_model(scene: np.ndarray[Any, Any]) -> None:
    model = read_model(photos.PRETRAINED / "photo-1.hourglass")
    with torch.no_grad():
        model.decoder.back.bias[0] += 1  # type: ignore[union-attr, index, operator]
    other = photos.of_model(model)
    assert other is not None
    with pytest.raises(BadFile, match="compressed with 'photo-1'"):
        photos.decompress(other, compress(scene))


def test_quality_is_strictly_monotone_and_spans_what_is_promised(scene: np.ndarray[Any, Any]) -> None:
    packed = {quality: compress(scene, quality=quality) for quality in (0, 5, 20, 35, 50, 65, 80, 95, 100)}
    sizes, levels = [len(data) for data in packed.values()], [psnr(decompress(data), scene) for data in packed.values()]
    assert sizes == sorted(set(sizes))
    assert levels == sorted(set(levels))
    assert levels[1] < 28
    assert levels[-2] > 34


def test_it_beats_jpeg(scene: np.ndarray[Any, Any]) -> None:
    """At the same PSNR, of files, by a third."""
    data = compress(scene, quality=60)
    for quality in range(30, 96):
        Image.fromarray(scene).save(jpeg := io.BytesIO(), "JPEG", quality=quality, optimize=True, progressive=True)
        if psnr(np.asarray(Image.open(jpeg)), scene) >= psnr(decompress(data), scene):
            break
    assert len(data) < 0.67 * len(jpeg.getvalue())


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (31, 2), (33, 65), (530, 20)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size(shape: tuple[int, int], channels: int) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    grey = (128 + 60 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.uint8)
    picture = grey if channels == 1 else np.stack([grey] * channels, -1)
    again = decompress(compress(picture, quality=90))
    assert again.shape == picture.shape
    assert again.dtype == picture.dtype
    assert psnr(again[..., :3], picture[..., :3]) > 33
    if channels == 4:
        assert np.array_equal(again[..., 3], picture[..., 3])


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_deep_pictures_come_back_deep(scene: np.ndarray[Any, Any], dtype: str) -> None:
    white = 65535 if dtype == "uint16" else 1
    picture = (scene / 255 * white).astype(dtype)
    again = decompress(compress(picture, quality=80))
    assert again.dtype == dtype
    assert psnr(again, picture, white) > 33
    assert len(np.unique(again)) > 256


def test_tiles_have_no_seams(scene: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles are to the last bit what the decoder makes of the whole code at once, and their borders are no worse than other places."""
    codec = photos.shipped().codec
    whole, _ = codec.decompress(codec.compress(scene, 700), scene.shape, "uint8", 700)
    monkeypatch.setattr(photo, "TILE", 32)
    chunks = codec.compress(scene, 700)
    assert len(chunks) == 12
    code = torch.zeros(10, 15, codec.units, dtype=torch.int32)
    for chunk, place in zip(chunks, photo.places(80, 120), strict=True):
        code[place.within(8)] = codec._code(chunk, place, 700)[0]
    at_once = codec.exact.pixels(code).mul(255).div(photo.WHITE).add(0.5).floor().clamp(0, 255).numpy().astype(np.uint8)
    tiled, _ = codec.decompress(chunks, scene.shape, "uint8", 700)
    assert np.array_equal(at_once, tiled)
    errors = [np.square(each.astype(float) - scene)[:, [31, 32, 63, 64, 95, 96]].mean() for each in (tiled, whole)]
    assert errors[0] < 1.3 * errors[1]


def test_sizes_and_levels_are_hit(scene: np.ndarray[Any, Any]) -> None:
    assert 1900 < len(compress(scene, bytes=2000)) <= 2000
    assert 32 <= psnr(decompress(compress(scene, psnr=32)), scene) < 32.15
    with pytest.raises(BadOption, match="bytes at the least"):
        compress(scene, bytes=20)
    with pytest.raises(BadOption, match="is the most"):
        compress(scene, psnr=90)
    with pytest.raises(BadOption, match="one of them"):
        compress(scene, psnr=30, bytes=100)
    for quality in (-1, 101, "high", True):
        with pytest.raises(BadOption, match="from 0"):
            compress(scene, quality=quality)
    with pytest.raises(BadOption, match="no option"):
        compress(scene, lossless=True)


def test_metadata_and_transparency_come_along(scene: np.ndarray[Any, Any], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "Camera"
    clear = Image.fromarray(np.dstack([scene, np.arange(9600).reshape(80, 120) % 256]).astype(np.uint8))
    clear.save(tmp_path / "a.png", exif=exif, icc_profile=b"profile" * 20)
    decompress(compress(tmp_path / "a.png"), to=tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as again:
        assert again.getexif()[271] == "Camera"
        assert again.info["icc_profile"] == b"profile" * 20
        assert np.array_equal(np.asarray(again)[..., 3], np.asarray(clear)[..., 3])


def test_several_pictures_and_none_are_refused(scene: np.ndarray[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(BadData, match="one at a time"):
        compress(np.stack([scene, scene]))
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(HourglassError, match="empty"):
        compress(tmp_path / "empty.png")


def test_damage_is_named_and_the_rest_can_be_had(scene: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "TILE", 64)
    data = bytearray(compress(scene, quality=50))
    whole = decompress(bytes(data))
    data[-2] ^= 1  # in the last of four tiles
    with pytest.raises(DamagedFile, match="chunk 4 of 4"):
        decompress(bytes(data))
    with pytest.warns(UserWarning, match="1 of 4 tiles"):
        rest = decompress(bytes(data), salvage=True)
    assert np.array_equal(rest[:32, :40], whole[:32, :40])
    assert not np.array_equal(rest, whole)


def test_hostile_files_are_errors(scene: np.ndarray[Any, Any]) -> None:
    """Bytes altered at random, and chunks that are sound by their checksum but say nonsense."""
    chance, data = random.Random(0), compress(scene[:40, :40], quality=20)
    header, chunks = bits.read_container(data)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with pytest.raises((DamagedFile, BadFile)):
            decompress(bytes(damaged[: chance.choice([len(data), chance.randrange(len(data))])]) + b"!")
    for _ in range(25):
        made = bytearray(chunks[0] or b"")
        made[chance.randrange(len(made))] ^= chance.randrange(1, 256)
        with contextlib.suppress(DamagedFile):  # or another picture: a checksum that is right says that it was meant
            assert decompress(bits.write_container(header, [bytes(made)])).shape == (40, 40, 3)
    odd: list[tuple[str, Any]] = [("shape", [10**6, 10**6, 3]), ("shape", [40, 40, 2]), ("dtype", "int8"), ("quality", 1e9)]
    for name, value in [*odd, ("kept", {"exif": 10**12}), ("alpha", 2), ("shape", [4000, 4000, 3]), ("kept", {"exif": 100})]:
        with pytest.raises((DamagedFile, BadFile)):
            decompress(bits.write_container({**header, name: value}, [chunk or b"" for chunk in chunks]))


def test_a_code_sent_in_turns_is_not_written_to_files_that_nobody_can_read() -> None:
    model = read_model(photos.PRETRAINED / "photo-1.hourglass")
    model.bottleneck.context = 8
    with pytest.raises(BadOption, match="train without context"):
        photo.Codec(model)


def test_a_codec_whose_tables_are_not_counted_says_so(scene: np.ndarray[Any, Any]) -> None:
    estimator = load(photos.PRETRAINED / "photo-1.hourglass")
    estimator.model_ = replace(estimator.model_, settings={}, arrays={}, codec=None)  # as training/photo_codec.py writes it at first
    with pytest.raises(BadData, match="tables have not been counted"):
        estimator.compress(scene)


def test_a_bottleneck_that_is_no_codec_is_told_by_the_file(scene: np.ndarray[Any, Any]) -> None:
    model = read_model(photos.PRETRAINED / "photo-1.hourglass")
    model.bottleneck = torch.nn.Identity()
    with pytest.raises(BadFile):
        photo.Codec(model)
