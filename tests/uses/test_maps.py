"""Maps of pictures: defects of a sort that training never saw are found where they are, and wrong models find nothing."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from hourglass import Autoencoder, load
from hourglass.errors import BadOption
from hourglass.uses import maps
from hourglass.uses.overlay import marked
from hourglass.uses.truth import Truth

HEIGHT, WIDTH = 72, 80


def good(count: int, seed: int) -> np.ndarray:
    """Brushed metal (n, H, W): streaks from top to bottom, brighter in the middle."""
    random = np.random.default_rng(seed)
    streaks = random.normal(0, 6, (count, 1, WIDTH)) + random.normal(0, 4, (count, HEIGHT, WIDTH))
    shade = 40 * np.sin(np.linspace(0, np.pi, WIDTH)) + random.uniform(60, 120, (count, 1, 1))
    return (streaks + shade).clip(0, 255).astype(np.uint8)


def holed(pictures: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures with a dark disc each, and where it is."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    middles = random.integers(10, [HEIGHT - 10, WIDTH - 10], (len(pictures), 2))
    where = np.stack([(down - y) ** 2 + (across - x) ** 2 < random.integers(3, 5) ** 2 for y, x in middles])
    return np.where(where, pictures * 0.55, pictures).astype(np.uint8), where


@pytest.fixture(scope="module")
def trained() -> Autoencoder:
    network = "unet:widths=[8,16],blocks=1,sight=light"
    return Autoencoder("detect", kind="image", network=network, epochs=18, random_state=0).fit(good(32, 0))


@pytest.fixture(scope="module")
def bad() -> tuple[np.ndarray, np.ndarray]:
    return holed(good(24, 2), 3)


def found(model: Autoencoder, pictures: np.ndarray) -> np.ndarray:
    seen: list[np.ndarray] = []
    model.explain(pictures, maps=lambda _, values: seen.append(values))
    return np.stack(seen)


def areas(model: Autoencoder, pictures: np.ndarray, where: np.ndarray) -> tuple[float, float]:
    """Under the ROC curve: of pictures, holed against good ones, and of the pixels of the holed ones."""
    ordinary = good(24, 1)
    scores = -np.concatenate([model.score_samples(ordinary), model.score_samples(pictures)])
    image = roc_auc_score(np.repeat([0, 1], 24), scores)
    return float(image), float(roc_auc_score(where.ravel(), found(model, pictures).ravel()))


def test_defects_are_found_and_shown(trained: Autoencoder, bad: tuple[np.ndarray, np.ndarray]) -> None:
    image, pixel = areas(trained, *bad)
    assert image > 0.95
    assert pixel > 0.95


def alone(model: Autoencoder) -> Autoencoder:
    """A copy that is calibrated anew, under what was changed in it or in what is looked at."""
    other = copy.deepcopy(model)
    other.model_.arrays |= maps.calibrated(other.model_, torch.from_numpy(good(8, 4)[:, None] / np.float32(255)))
    return other


def test_the_light_is_chosen_by_trained_pictures_too(trained: Autoencoder) -> None:
    """A few held-out pictures may vary least in a view that all the others vary in."""
    few = torch.full((5, 1, 64, 64), 0.5)
    many = torch.from_numpy(good(20, 4)[:, None] / np.float32(255))
    by_few = maps.calibrated(trained.model_, few)
    by_many = maps.calibrated(trained.model_, few, many)
    assert by_few["maps.peaks"][1, 1] == pytest.approx(maps.EVEN)
    assert by_many["maps.peaks"][1, 1] > 2 * maps.EVEN
    assert torch.equal(by_many["maps.peaks"][:, 0], by_few["maps.peaks"][:, 0])  # the network is judged by what it never saw


def test_the_network_alone_finds_them_and_one_that_never_learned_does_not(
    trained: Autoencoder, bad: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "LIGHTS", [])
    assert min(areas(alone(trained), *bad)) > 0.95
    wrong, generator = copy.deepcopy(trained), torch.Generator().manual_seed(0)
    for weight in wrong.model_.parameters():
        weight.data = 0.2 * torch.randn(weight.shape, generator=generator)
    assert max(areas(alone(wrong), *bad)) < 0.9


def test_a_constant_map_tells_nothing(trained: Autoencoder, bad: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "LIGHTS", [])
    monkeypatch.setattr(maps, "_logits", lambda model, picture: torch.zeros(picture.shape[-2:]))
    image, pixel = areas(alone(trained), *bad)
    assert image == pytest.approx(0.5)
    assert pixel < 0.9


def test_scores_follow_the_maps_and_survive_saving(trained: Autoencoder, bad: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    scores = trained.score_samples(bad[0])
    assert np.allclose([float(maps.peak(torch.from_numpy(each))) for each in found(trained, bad[0])], -scores, rtol=1e-4)
    trained.save(tmp_path / "m.hourglass")
    assert np.array_equal(load(tmp_path / "m.hourglass").score_samples(bad[0]), scores)


def test_good_pictures_are_mostly_left_in_peace(trained: Autoencoder) -> None:
    ordinary = good(60, 8)
    assert -trained.score_samples(ordinary).mean() == pytest.approx(1, abs=0.35)
    trained.set_params(false_alarms=0.05)
    assert (trained.predict(ordinary) == -1).mean() <= 0.15
    trained.set_params(false_alarms=0.01)


def test_because_says_where(trained: Autoencoder, bad: tuple[np.ndarray, np.ndarray]) -> None:
    told = trained.explain(bad[0]).to_pydict()
    right = 0
    for reason, where in zip(told["because"], bad[1], strict=True):
        y, x = (100 * (side.mean() + 0.5) / length for side, length in zip(np.nonzero(where), (HEIGHT, WIDTH), strict=True))
        words = reason.split()
        right += bool(reason) and abs(float(words[4]) - x) < 6 and abs(float(words[9]) - y) < 6
    assert right >= 20


def test_size_depth_and_colour_of_what_is_shown_may_differ(trained: Autoencoder) -> None:
    grey = holed(good(1, 5), 6)[0][0]
    once = -trained.score_samples([grey])[0]
    deep = grey.astype(np.uint16) * 257
    with pytest.warns(UserWarning, match="grey"):
        coloured = -trained.score_samples([Image.fromarray(np.repeat(grey[..., None], 3, 2))])[0]
    assert -trained.score_samples([Image.fromarray(deep)])[0] == pytest.approx(once, rel=1e-2)
    assert coloured == pytest.approx(once, rel=1e-2)
    tall = np.concatenate([good(1, 7)[0], grey, good(1, 9)[0]])
    assert trained.predict([tall]) == [-1]


def test_large_pictures_give_the_map_of_the_whole(trained: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(1, 200, 240, generator=torch.Generator().manual_seed(0))
    whole = maps._logits(trained.model_, picture)
    monkeypatch.setattr(maps, "TILE", 144)
    assert torch.allclose(maps._logits(trained.model_, picture), whole, atol=0.02 * float(whole.std()))


def test_maps_are_for_models_of_details() -> None:
    model = Autoencoder("detect", kind="image", epochs=1, random_state=0).fit(good(12, 0)[:, :16, :16])
    assert not maps.able(model.model_)
    with pytest.raises(BadOption, match="no maps"):
        model.explain(good(2, 1)[:, :16, :16], maps=print)


def test_bands_lie_around_the_middle() -> None:
    cells = maps._bands((80, 200))
    assert cells.unique().numel() == maps.BANDS**2
    assert cells[0, 0] == 0
    assert cells[40, 100] // maps.BANDS == cells[40, 100] % maps.BANDS == maps.BANDS // 2
    assert cells.flip(0, 1).equal(maps.BANDS**2 - 1 - cells)


def test_marks_are_where_the_map_is_high() -> None:
    from hourglass.kinds.image import Picture

    values = np.zeros((20, 30), np.float32)
    values[5:8, 5:8] = 9.0
    made = marked(Picture(np.full((20, 30, 1), 100, np.uint8)), values, 2.0)
    assert (made[values == 0] == 100).all()
    assert (made[values > 0][:, 0].astype(int) - made[values > 0][:, 2] > 100).all()


def test_truth_is_what_masks_say(tmp_path: Path) -> None:
    from hourglass.kinds.image import Picture

    random, paths = np.random.default_rng(0), {}
    values, where = random.normal(1, 1, (6, 20, 30)), np.zeros((6, 20, 30), bool)
    where[:3, 4:9, 4:9] = True
    for number in range(6):
        paths[f"{number}.jpg"] = tmp_path / f"{number}.jpg"
        if number != 5:  # a picture without a mask is good
            Image.fromarray((where[number] * 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
    truth = Truth(paths, ".png")
    values[where] += 1.5
    for number in range(6):
        truth(Picture(np.zeros((20, 30, 1), np.uint8), f"{number}.jpg"), values[number])
    figures = truth.figures()
    assert figures["defects"] == 3
    assert figures["pixel_auroc"] == pytest.approx(roc_auc_score(where.ravel(), values.ravel()), abs=1e-3)
    scores = [float(maps.peak(torch.from_numpy(each))) for each in values]
    assert figures["image_auroc"] == roc_auc_score([1, 1, 1, 0, 0, 0], scores)
