"""Codes of files say which part of which file each row is, and what is decoded from them is put together again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from hourglass import Autoencoder, Part
from hourglass.errors import BadData


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sounds")
    for number in range(3):
        soundfile.write(home / f"{number}.wav", 0.5 * np.sin(np.arange(2500 + 300 * number) / (5 + number)), 8000)
    both = np.stack([np.sin(np.arange(2000) / 9), np.cos(np.arange(2000) / 4)], 1)
    soundfile.write(home / "both.wav", 0.3 * both, 8000)
    return home


@pytest.fixture(scope="module")
def heard(sounds: Path) -> Autoencoder:
    return Autoencoder(kind=Part("audio", window=512), network="dense", epochs=1, code_size=4, random_state=0).fit(sounds)


def shuffled(table: Any) -> pd.DataFrame:
    return table.to_pandas().sample(frac=1, random_state=0)


@pytest.mark.parametrize("form", ["table", "csv", "parquet", "shuffled"])
def test_codes_of_sounds_become_whole_sounds_again(form: str, heard: Autoencoder, sounds: Path, tmp_path: Path) -> None:
    codes = heard.transform(sounds)
    assert codes.column_names[:4] == ["file", "channel", "begin", "end"]
    if form in ("csv", "parquet"):
        heard.transform(sounds, to=tmp_path / f"c.{form}")
    given = {"table": codes, "shuffled": shuffled(codes)}.get(form, tmp_path / f"c.{form}")
    back = {sound.name: sound.samples for sound in heard.inverse_transform(given)}
    for sound in heard.reconstruct(sounds):
        np.testing.assert_allclose(back[sound.name], sound.samples, atol=1e-5)


def test_windows_of_which_some_are_missing_stay_windows(heard: Autoencoder, sounds: Path) -> None:
    codes = heard.transform(sounds)
    assert len(heard.inverse_transform(codes.slice(1))) == codes.num_rows - 1


@pytest.mark.parametrize("sort", ["machines", "gap", "rows"])
def test_codes_of_series_become_rows_again(sort: str, tmp_path: Path) -> None:
    time = pd.date_range("2024-01-01", periods=200, freq="min")
    frame = pd.DataFrame({"when": time, "x": np.sin(np.arange(200) / 5)})
    if sort == "machines":
        frame = pd.concat([frame.assign(machine="a"), frame.assign(machine="b", x=np.cos(np.arange(200) / 3))])
    frame = {"gap": frame.drop(index=range(90, 140)), "rows": frame[["x"]]}.get(sort, frame)
    frame.to_csv(tmp_path / "data.csv", index=False)
    group = "machine" if sort == "machines" else None
    model = Autoencoder(kind=Part("series", window=16, group=group), epochs=1, code_size=2, random_state=0).fit(tmp_path / "data.csv")
    model.transform(tmp_path / "data.csv", to=tmp_path / "codes.csv")
    back, usual = model.inverse_transform(tmp_path / "codes.csv"), model.reconstruct(tmp_path / "data.csv")
    assert back.num_rows == usual.num_rows == len(frame)
    for name in usual.column_names:
        if name == "x":
            np.testing.assert_allclose(back[name], usual[name], atol=1e-5)
        else:
            assert back[name].to_pylist() == usual[name].to_pylist()


def test_codes_of_pictures_and_texts_say_which_file_or_row(tmp_path: Path) -> None:
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    codes = Autoencoder(epochs=1, code_size=2, random_state=0).fit(tmp_path).transform(tmp_path)
    assert codes.column_names == ["file", "autoencoder0", "autoencoder1"]
    assert codes["file"].to_pylist() == ["0.png", "1.png", "2.png", "3.png"]
    (tmp_path / "lines.txt").write_text("one line\n" * 30 + "a much longer line than the others are, by far\n")
    model = Autoencoder(kind=Part("text", length=16), epochs=1, code_size=2, random_state=0).fit(tmp_path / "lines.txt")
    codes = model.transform(tmp_path / "lines.txt")
    assert codes["row"].to_pylist()[-3:] == [30, 30, 30]
    assert codes["part"].to_pylist()[-4:] == [0, 1, 2, 3]
    assert len(model.inverse_transform(codes)) == codes.num_rows


def test_arrays_give_arrays_and_foreign_columns_are_told() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = Autoencoder(epochs=1, code_size=2, random_state=0).fit(X)
    assert model.transform(X).shape == (40, 2)
    with pytest.raises(BadData, match="numbers alone"):
        model.inverse_transform(pd.DataFrame({"a": ["x"], "b": [1.0]}))
