"""The shipped denoiser: it takes noise out, and nothing else; whatever the picture's size, depth and sort."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import median_filter

from hourglass import Autoencoder, cleaning, denoise
from hourglass.cleaning import clean_picture, cleaned_by, side_by_side
from hourglass.errors import BadData, BadOption, BadType, CannotWrite
from hourglass.kinds.image import Picture

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def scene() -> Array:
    """A part of the sample photograph, (96, 136, 3), its own grain averaged away."""
    path = Path(cleaning.__file__).parent / "cli" / "samples" / "photo.png"
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB").reduce(2))[:96, :136].copy()


def noisy(clean: Array, sigma: float = 25, seed: int = 0) -> Array:
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return np.rint(clean + noise).clip(0, 255).astype(np.uint8)


def psnr(one: Array, other: Array, white: float = 255) -> float:
    return float(10 * np.log10(white**2 / np.square(one.astype(float) - other).mean()))


def gained(clean: Array, damaged: Array) -> float:
    return psnr(denoise(damaged), clean) - psnr(damaged, clean)


@pytest.mark.parametrize(("sigma", "least"), [(15, 5.0), (25, 7.0), (50, 9.5)])
def test_white_noise_goes(scene: Array, sigma: float, least: float) -> None:
    assert gained(scene, noisy(scene, sigma)) > least
    grey = scene[..., 1]
    assert gained(grey, noisy(grey, sigma)) > least - 2.5


@pytest.mark.parametrize("grey", [True, False])
def test_specks_go_better_than_by_a_median(scene: Array, grey: bool) -> None:
    clean, chance = scene[..., 1] if grey else scene, np.random.default_rng(0)
    lost, given = chance.random(clean.shape[:2]) < 0.2, clean.copy()
    white = 255 * chance.integers(0, 2, int(lost.sum()))
    given[lost] = white if grey else white[:, None]
    filtered = median_filter(given, (3, 3, 1)[: clean.ndim])
    assert psnr(denoise(given), clean) > psnr(filtered, clean) + 3


def test_a_single_speck_goes_and_the_rest_stays(scene: Array) -> None:
    given = scene.copy()
    given[40, 60] = 255
    made = denoise(given)
    assert np.abs(made[40, 60].astype(float) - scene[40, 60]).max() < 0.6 * np.abs(255.0 - scene[40, 60]).max()
    assert psnr(made[:30], scene[:30]) > 42


def test_half_the_strength_is_between(scene: Array) -> None:
    given = noisy(scene).astype(np.float32)
    whole, half = denoise(given), denoise(given, 0.5)
    assert np.allclose(half, (given + whole) / 2, atol=0.2)
    assert np.array_equal(denoise(given, 0), given)


def test_eight_looks_are_better_than_one(scene: Array) -> None:
    given = noisy(scene, 40)
    assert psnr(denoise(given, careful=True), scene) > psnr(denoise(given), scene) + 0.02


def test_a_clean_picture_is_nearly_left_alone(scene: Array) -> None:
    assert psnr(denoise(scene), scene) > 45
    drawn = np.zeros((90, 120, 3), np.uint8)
    drawn[20:60, 30:90] = (200, 30, 60)
    assert psnr(denoise(drawn), drawn) > 45


@pytest.mark.parametrize("shape", [(1, 1), (1, 9, 3), (40, 30, 3), (9, 8, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_one_colour_is_left_alone(shape: tuple[int, ...], dtype: type) -> None:
    given = np.full(shape, 77, dtype)
    assert np.array_equal(denoise(given), given)


def test_depth_and_range_do_not_matter(scene: Array) -> None:
    """The same picture in 8 and 16 bits, floats, and in units of its own."""
    given = noisy(scene)
    whole = denoise(given).astype(float)
    deep = denoise(given.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - whole).max() < 1
    for dtype, white in ((np.float32, 1.0), (np.float64, 255.0), (np.float64, 1e6), (np.float32, 1e-4)):
        made = denoise((given / 255 * white).astype(dtype))
        assert made.dtype == dtype
        assert np.abs((made / white * 255).clip(0, 255) - whole).max() < 1


def test_grey_stays_grey_and_transparency_as_it_is(scene: Array) -> None:
    grey = noisy(scene[..., 0])
    assert denoise(grey).shape == grey.shape
    clear = np.dstack([noisy(scene), np.arange(scene[..., 0].size).reshape(scene.shape[:2]) % 256]).astype(np.uint8)
    made = denoise(clear)
    assert np.array_equal(made[..., 3], clear[..., 3])
    assert np.array_equal(made[..., :3], denoise(clear[..., :3].copy()))
    image = denoise(Image.fromarray(grey))
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), denoise(grey))


def test_tiles_leave_no_seams(scene: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32: bfloat16, where the processor has it, rounds noise of half the range to half a grey level, in tiles and whole alike."""
    monkeypatch.setattr("hourglass.uses.denoise.fast_bfloat16", lambda: False)
    given = np.tile(noisy(scene), (2, 2, 1)).astype(np.float32)
    whole, told = denoise(given), []
    monkeypatch.setattr(cleaning, "TILE", 184)
    tiles = clean_picture(Picture(given), progress=lambda done, count: told.append((done, count))).picture.pixels
    assert np.abs(tiles - whole).max() < 0.05  # of 255
    assert told == [(number, len(told)) for number in range(1, len(told) + 1)]
    assert len(told) > 4


def test_fewer_digits_change_nothing_one_sees(scene: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bfloat16, whole and in tiles, as in float32 but for its rounding."""
    given = np.tile(noisy(scene), (1, 2, 1)).astype(np.float32)
    made = {}
    for narrow in (True, False):
        monkeypatch.setattr("hourglass.uses.denoise.fast_bfloat16", lambda narrow=narrow: narrow)
        made[narrow] = denoise(given)
    monkeypatch.setattr(cleaning, "TILE", 184)
    monkeypatch.setattr("hourglass.uses.denoise.fast_bfloat16", lambda: True)
    for other in (made[True], clean_picture(Picture(given)).picture.pixels):
        assert np.sqrt(np.square(other - made[False]).mean()) < 0.29  # of 255: less than rounding to whole grey levels


def test_what_is_left_is_no_picture_of_the_scene(scene: Array) -> None:
    """What was removed is the noise: it goes with the noise that was added, and not with the picture."""
    given = noisy(scene)
    cleaned = clean_picture(Picture(given))
    removed, noise = cleaned.removed.astype(float).ravel(), (given.astype(float) - scene).ravel()
    assert np.corrcoef(removed, noise)[0, 1] > 0.9
    assert abs(np.corrcoef(removed, scene.ravel())[0, 1]) < 0.15
    assert abs(cleaned.level * (np.percentile(given, 99.9) - np.percentile(given, 0.1)) - noise.std()) < 4


def test_before_and_after_stand_side_by_side(scene: Array) -> None:
    before = Picture(noisy(scene))
    cleaned = clean_picture(before)
    page, times = side_by_side(before, cleaned)
    height, width = before.size
    assert page.shape == (height, 3 * width + 2 * cleaning.GAP, 3)
    assert np.array_equal(page[:, :width], before.pixels)
    assert np.array_equal(page[:, width + cleaning.GAP : 2 * width + cleaning.GAP], cleaned.picture.pixels)
    removed = (page[:, -width:].astype(float) / 255 - 0.5) / times
    assert np.abs(removed - cleaned.removed)[np.abs(removed * times) < 0.49].max() < 0.01
    large = Picture(np.zeros((700, 900, 1), np.float32))
    assert side_by_side(large, clean_picture(large))[0].shape == (640, 3 * 640 + 2 * cleaning.GAP, 3)


def test_memory_does_not_grow_with_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "taken", lambda model, x, turns: torch.full_like(x, 0.1))
    given = Picture(np.random.default_rng(0).integers(0, 255, (3000, 2000, 3), np.uint8))
    tracemalloc.start()
    clean_picture(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.5 * given.pixels.nbytes + 12 * cleaning.TILE**2 * 2


def test_files_keep_what_they_carry(scene: Array, tmp_path: Path) -> None:
    image = Image.fromarray(noisy(scene))
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    image.save(tmp_path / "photo.jpg", exif=exif, icc_profile=b"profile" * 30, dpi=(300, 300), quality=100)
    assert denoise(tmp_path / "photo.jpg", to=tmp_path / "clean.jpg") is None
    with Image.open(tmp_path / "clean.jpg") as made:
        assert made.getexif()[0x010F] == "Maker"
        assert made.info["icc_profile"] == b"profile" * 30
        assert made.size == image.size
        assert psnr(np.asarray(made), scene) > psnr(np.asarray(image), scene) + 5
    assert denoise(str(tmp_path / "photo.jpg")).shape == scene.shape
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        denoise(scene, to=tmp_path / "file" / "clean.png")


def test_odd_files(scene: Array, tmp_path: Path) -> None:
    few = Image.fromarray(noisy(scene)).quantize(32)
    few.save(tmp_path / "palette.png")
    assert denoise(tmp_path / "palette.png").shape == scene.shape
    few.save(tmp_path / "moving.gif", save_all=True, append_images=[few.rotate(180)])
    with pytest.warns(UserWarning, match="first"):
        assert denoise(tmp_path / "moving.gif").shape == scene.shape
    Image.fromarray(scene).save(tmp_path / "broken.jpg", exif=b"Exif\0\0broken beyond repair")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert denoise(tmp_path / "broken.jpg").shape == scene.shape
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"no\.png"):
        denoise(tmp_path / "no.png")


def test_every_page_of_a_stack_is_cleaned(scene: Array, tmp_path: Path) -> None:
    pages = [Image.fromarray(noisy(scene, seed=seed)) for seed in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    made = denoise(tmp_path / "stack.tif")
    assert made.shape == (3, *scene.shape)
    assert all(psnr(page, scene) > psnr(np.asarray(given), scene) + 3 for page, given in zip(made, pages, strict=True))
    denoise(tmp_path / "stack.tif", to=tmp_path / "clean.tif")
    with Image.open(tmp_path / "clean.tif") as stack:
        assert stack.n_frames == 3
    pages[0].save(tmp_path / "several.tif", save_all=True, append_images=[pages[1].resize((24, 20))])
    with pytest.warns(UserWarning, match="first frame"):  # others than the first are no pages, but small copies and the like
        assert denoise(tmp_path / "several.tif").shape == scene.shape


def test_what_cannot_be_cleaned_is_said(scene: Array) -> None:
    hole = scene.astype(np.float32)
    hole[3, 4] = np.nan
    with pytest.raises(BadData, match="not finite"):
        denoise(hole)
    with pytest.raises(BadType, match="--purpose denoise"):
        denoise("film.mp4")
    with pytest.raises(BadOption, match="'size'"):
        denoise(scene, size=3)
    with pytest.raises(BadOption, match="strength=2"):
        denoise(scene, 2)
    with pytest.raises(BadData, match="shape"):
        denoise(np.zeros((4, 5, 7), np.float32))


def test_a_model_of_ones_own_says_what_it_removed(scene: Array) -> None:
    """What is kept and what was removed make up the picture; eight looks are another, nearly the same, picture."""
    grey = noisy(scene).mean(2, keepdims=True).astype(np.uint8)
    network = "unet:widths=[4,8],blocks=1"
    model = Autoencoder("denoise", kind="image", network=network, epochs=2, random_state=0).fit(grey[None])
    cleaned = cleaned_by(model.model_, Picture(grey))
    assert np.allclose(cleaned.picture.pixels + 255 * cleaned.removed, grey, atol=1e-3)
    assert cleaned.level > 0
    careful = cleaned_by(model.model_, Picture(grey), careful=True).picture.pixels
    assert 0 < np.abs(careful.astype(float) - cleaned.picture.pixels).mean() < 10
    assert np.array_equal(denoise(grey[..., 0], model=model, careful=True), careful[..., 0])
