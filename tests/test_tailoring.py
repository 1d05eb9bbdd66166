"""A picture codec for the user's own pictures: it is one, it is smaller, and where it is not the shipped one is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass import Autoencoder, bits, compress, decompress, load, photos, tailoring
from hourglass.checkpoint import Checkpoint
from hourglass.crops import SIDE, Crops, lambdas
from hourglass.errors import BadFile, BadOption
from hourglass.kinds.image import Picture
from hourglass.report import rates

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def weave(number: int, height: int = 64, width: int = 72) -> Pixels:
    """One of many pictures of one sort: a woven stuff, no two alike."""
    chance = np.random.default_rng(number)
    rows, columns = np.mgrid[:height, :width]
    folds = 50 * np.sin(columns / (5 + chance.random()) + 6 * chance.random()) * np.cos(rows / (4 + chance.random()))
    threads = 20 * ((columns // 16 + rows // 16) % 2)
    return np.clip(128 + folds + threads + chance.normal(0, 3, (height, width)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def briefly() -> Iterator[None]:
    """Less is looked at than with pictures that are worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tailoring, "LOOKS", 1)
        patch.setattr(tailoring, "COUNTED", 1 << 12)
        yield


@pytest.fixture(scope="module")
def woven() -> Autoencoder:
    return Autoencoder("compress", epochs=16, random_state=0).fit(np.stack([weave(i) for i in range(8)]))


@pytest.fixture(scope="module")
def file(woven: Autoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("codec") / "mine.hourglass"
    woven.save(path)
    return path


def codec(model: Autoencoder) -> photos.Shipped:
    found = photos.of_model(model.model_)
    assert found is not None
    return found


def test_it_takes_fewer_bytes_than_the_shipped_codec_on_pictures_it_never_saw(woven: Autoencoder) -> None:
    others = [weave(number)[..., None] for number in (100, 101)]
    own, given = (rates.curve(rates.by_codec(by, (20, 50, 80)), others) for by in (codec(woven), photos.shipped()))
    common = rates.span([own, given])
    assert common is not None
    assert rates.saved(own, given, *common) > 0.15


def test_its_tables_are_its_own(woven: Autoencoder) -> None:
    """They are counted anew; with those of the shipped codec its files would be no smaller."""
    theirs = photos.shipped_model().arrays
    assert not any(torch.equal(woven.model_.arrays[name], theirs[name]) for name in ("photo.tables", "photo.hyper"))
    other = woven.model_.to(torch.float32)
    other.arrays = {**woven.model_.arrays, **theirs}
    by = photos.of_model(other)
    assert by is not None
    sizes = [sum(len(photos.compress(one, Picture(weave(i)[..., None]), photos.Aim(40))) for i in (100, 101)) for one in (codec(woven), by)]
    assert sizes[0] <= sizes[1]


def test_its_file_makes_the_same_files_and_they_name_it(woven: Autoencoder, file: Path) -> None:
    picture = weave(100)
    data = compress(picture, quality=60, model=file)
    assert data == compress(picture, quality=60, model=woven) == woven.compress(picture, quality=60)
    header, _ = bits.read_container(data)
    assert header["codec"] == "picture-2"
    assert header["fingerprint"] == codec(load(file)).fingerprint != photos.shipped().fingerprint
    back = decompress(data, model=file)
    assert back.shape == picture.shape
    assert np.array_equal(back, woven.decompress(data))
    with pytest.raises(BadFile, match=rf"with 'own' \({header['fingerprint']}\), not with .*'photo-1'"):
        decompress(data)
    with pytest.raises(BadFile, match=rf"with 'photo-1' .*, not with 'own' \({header['fingerprint']}\)"):
        decompress(compress(picture), model=file)


def test_pixels_are_the_same_with_one_thread_and_with_two(file: Path) -> None:
    threads, model = torch.get_num_threads(), load(file)
    try:
        torch.set_num_threads(1)
        data = compress(weave(101), quality=70, model=model)
        first = decompress(data, model=model)
        torch.set_num_threads(2)
        again = decompress(data, model=load(file))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(first, again)


def test_colour_transparency_and_depth_go_through_it(woven: Autoencoder) -> None:
    deep = weave(100).astype(np.uint16) * 257
    clear = np.dstack([weave(100), weave(101), weave(102), np.arange(64 * 72).reshape(64, 72) % 256]).astype(np.uint8)
    assert decompress(compress(deep, model=woven), model=woven).dtype == np.uint16
    assert np.array_equal(decompress(compress(clear, model=woven), model=woven)[..., 3], clear[..., 3])


def test_it_can_be_used_in_other_ways(file: Path) -> None:
    model, picture = load(file), weave(100)[None]
    assert model.transform(picture).shape == (1, 192 * 16 * 16)
    assert np.square(model.reconstruct(picture).astype(float) - picture).mean() < 30
    assert model.score_samples(picture) > model.score_samples(255 - picture // 3 * 2)
    with pytest.raises(BadOption, match="makes no new pictures"):
        model.sample(1)


def test_the_report_compares_it_and_says_from_when_it_pays(woven: Autoencoder, file: Path, tmp_path: Path) -> None:
    report = woven.report()
    found = report.measures["codec"]
    assert list(found["bytes"]) == ["own", "photo-1", "WebP", "JPEG"]
    assert 0.9 * found["model"] < file.stat().st_size < 1.1 * found["model"]
    gained = np.mean(found["bytes"]["photo-1"]) - np.mean(found["bytes"]["own"])
    assert found["pays"]["photo-1"] == pytest.approx(found["model"] / gained, rel=1e-3)
    assert "own codec" in report.text
    assert f"{found['bytes']['own'][0] + found['model'] / 10_000:,.0f}" in report.text
    assert f"{found['pays']['photo-1']:,} pictures" in report.text
    again = load(file).report([Image.fromarray(weave(100))], to=tmp_path / "page.html")
    assert again.measures["codec"]["pictures"] == 1
    assert "Bytes against PSNR" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_where_nothing_better_is_found_the_shipped_codec_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of nonsense make a codec worse, however well its network was trained."""
    right = tailoring.learned
    monkeypatch.setattr(tailoring, "learned", lambda *given: {n: t if t.dim() < 2 else t.flip(1) for n, t in right(*given).items()})
    model = Autoencoder("compress", epochs=1, random_state=0).fit(np.stack([weave(i) for i in range(6)]))
    assert codec(model).fingerprint == photos.shipped().fingerprint
    data = compress(weave(100), model=model)
    assert np.array_equal(decompress(data), decompress(data, model=model))
    assert "no better than the codec that comes with hourglass" in model.report().text


def test_a_codec_of_ones_own_is_a_beginning_and_minutes_are_a_budget(woven: Autoencoder) -> None:
    again = Autoencoder("compress", init=woven, minutes=0.005, random_state=1).fit([Image.fromarray(weave(i)) for i in range(6)])
    assert again.model_.settings["epochs"] is None
    assert again.model_.record["steps"] < 100
    weights, others = (each.model_.encoder.front.weight for each in (again, woven))
    assert torch.allclose(weights, others, atol=1e-2)
    assert not torch.allclose(weights, photos.shipped_model().encoder.front.weight.float(), atol=1e-4)  # type: ignore[union-attr, operator]


def test_a_training_that_was_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec is the one that an unbroken training gives."""
    pictures, path = np.stack([weave(i) for i in range(6)]), tmp_path / "mine.part"
    whole = Autoencoder("compress", epochs=2, random_state=3).fit(pictures)
    monkeypatch.setattr("hourglass.checkpoint.INTERVAL", 0.0)
    save, count = Checkpoint.save, iter(range(99))

    def killed(self: Checkpoint, *given: Any) -> None:
        save(self, *given)
        if next(count) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        Autoencoder("compress", epochs=2, random_state=3).fit(pictures, checkpoint=path)
    assert path.exists()
    again = Autoencoder("compress", epochs=2, random_state=3).fit(pictures, checkpoint=path)
    assert not path.exists()
    assert codec(again).fingerprint == codec(whole).fingerprint
    assert len(again.model_.record["history"]) == 2


@pytest.mark.parametrize(
    ("pictures", "options"),
    [
        (np.zeros((6, 40, 40), np.uint8) + np.arange(40, dtype=np.uint8), {}),
        (np.stack([weave(i) for i in range(6)]).astype(float) * 3.7, {"kind": "image"}),
        (np.stack([weave(i) for i in range(6)]), {"code_size": 4}),
    ],
    ids=["small", "of another range", "with parts of the user's own"],
)
def test_other_pictures_get_a_network_as_before(pictures: Pixels, options: dict[str, Any]) -> None:
    model = Autoencoder("compress", epochs=1, random_state=0, **options).fit(pictures)
    assert photos.of_model(model.model_) is None


def test_odd_folders(tmp_path: Path) -> None:
    """CMYK, animated, tiny and colourful pictures together; all of one colour."""
    Image.fromarray(np.dstack([weave(0)] * 4), "CMYK").save(tmp_path / "print.jpg")
    frames = [Image.fromarray(weave(i)) for i in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(weave(4, 5, 9)).save(tmp_path / "tiny.png")
    Image.fromarray(np.dstack([weave(i, 90, 70) for i in range(3)])).save(tmp_path / "colour.png")
    with pytest.warns(UserWarning, match="first frame"), pytest.warns(UserWarning, match="CMYK"):
        model = Autoencoder("compress", epochs=1, random_state=0).fit(tmp_path)
    assert photos.of_model(model.model_) is not None
    assert [len(part) for part in tailoring._divided([weave(0)], 0)] == [1, 1]
    with pytest.warns(UserWarning, match="nothing to learn"):
        flat = Autoencoder("compress", epochs=1, random_state=0).fit(np.full((5, 66, 66), 90, np.uint8))
    assert "nothing to compare" in flat.report().text


def test_crops_are_cut_from_pictures_and_not_from_beyond_them() -> None:
    pictures = [torch.full((1, 40, 300), 200, dtype=torch.uint8), torch.full((1, 200, 150), 100, dtype=torch.uint8)]
    first, again = (next(Crops(pictures, 0, 5).batches(3)).x for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (8, 1, 40, SIDE)
    assert set(first.unique().tolist()) <= {torch.tensor(value / 255).item() for value in (100.0, 200.0)}
    assert float(lambdas(torch.tensor(3.0)) / lambdas(torch.tensor(2.0))) == pytest.approx(1.925)
