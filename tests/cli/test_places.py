"""Where results go: the rules, one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hourglass.cli import _places
from hourglass.errors import BadFile, BadOption, CannotWrite
from hourglass.kinds import image, table


def packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.hgz")


def clean(path: Path) -> Path:
    return Path(_places.beside(str(path), "denoised"))


def places(inputs, output, beside=clean, inside=lambda path: path, force=False) -> dict[str, str]:
    found = _places.place_each(
        [str(item) for item in inputs], output, lambda path: path.suffix == ".jpg", beside=beside, inside=inside, force=force
    )
    return {place.source.name: place.target.as_posix() for place in found}


@pytest.fixture
def room(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "other.jpg", "album/a.jpg", "album/deep/a.jpg", "album/notes.txt", "album/.hidden/b.jpg", "second/a.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")
    return tmp_path


def test_beside_the_input(room: Path) -> None:
    assert places(["photo.jpg"], None) == {"photo.jpg": "photo.denoised.jpg"}
    assert places(["photo.jpg", "album/a.jpg"], None, packed) == {"photo.jpg": "photo.jpg.hgz", "a.jpg": "album/a.jpg.hgz"}


def test_one_input_one_file(room: Path) -> None:
    assert places(["photo.jpg"], "clean.png") == {"photo.jpg": "clean.png"}


@pytest.mark.parametrize("output", ["second", "new/"])
def test_a_folder_takes_the_name_of_the_input(room: Path, output: str) -> None:
    assert places(["photo.jpg"], output) == {"photo.jpg": f"{output.rstrip('/')}/photo.jpg"}
    assert places(["photo.jpg"], output, packed, packed) == {"photo.jpg": f"{output.rstrip('/')}/photo.jpg.hgz"}


def test_several_inputs_make_a_folder(room: Path) -> None:
    assert places(["photo.jpg", "other.jpg"], "new") == {"photo.jpg": "new/photo.jpg", "other.jpg": "new/other.jpg"}
    assert not Path("new").exists()  # nothing is made before the work


def test_a_folder_keeps_its_relative_paths(room: Path) -> None:
    found = _places.place_each(["album"], "new", lambda path: path.suffix == ".jpg", beside=clean)
    assert [place.target.as_posix() for place in found] == ["new/a.jpg", "new/deep/a.jpg"]


def test_several_results_in_one_file_are_refused(room: Path) -> None:
    with pytest.raises(BadOption, match="need a folder; write -o clean/"):
        places(["photo.jpg", "other.jpg"], "clean.png")


def test_two_results_of_one_name_are_refused(room: Path) -> None:
    with pytest.raises(BadOption, match=r"both be written to new/a.jpg"):
        places(["album/a.jpg", "second/a.jpg"], "new/")


@pytest.mark.parametrize(("inputs", "output"), [(["photo.jpg"], "other.jpg"), (["album"], "second"), (["photo.jpg"], None)])
def test_what_exists_is_refused_unless_forced(room: Path, inputs: list[str], output: str | None) -> None:
    Path("photo.denoised.jpg").write_bytes(b"mine")
    with pytest.raises(CannotWrite, match=r"exists already.*--force"):
        places(inputs, output)
    assert places(inputs, output, force=True)


def test_folders_that_are_not_there(room: Path) -> None:
    with pytest.raises(CannotWrite, match="folder nowhere does not exist"):
        places(["photo.jpg"], "nowhere/clean.png")
    with pytest.raises(CannotWrite, match="nowhere does not exist"):
        places(["photo.jpg"], "nowhere/new/")
    with pytest.raises(CannotWrite, match="is a file, not a folder"):
        places(["album"], "photo.jpg/")


def test_inputs_that_are_not_there(room: Path) -> None:
    with pytest.raises(BadFile, match=r"did you mean 'photo\.jpg'"):
        places(["phot.jpg"], None)
    with pytest.raises(BadFile, match=r"no file or folder 'nowhere/x\.jpg'"):
        places(["nowhere/x.jpg"], None)
    Path("empty").mkdir()
    with pytest.raises(BadFile, match="holds no file"):
        places(["empty"], None)


def test_globs_and_named_arrays_are_left_to_the_kinds() -> None:
    assert _places.source(["*.csv"]) == "*.csv"
    assert _places.source(["data.npz:train", "b*.npz"]) == ["data.npz:train", "b*.npz"]


def test_suffixes_are_known_before_the_work() -> None:
    with pytest.raises(BadOption, match=r"written as \.csv"):
        _places.file("scores.xlsx", False, _places.TABLES)
    with pytest.raises(BadOption, match="only tables go to standard output"):
        _places.known("-", _places.PICTURES)


def test_the_kinds_write_every_suffix_that_is_promised(tmp_path: Path) -> None:
    numbers = pa.table({"x0": [1.0, 2.0], "x1": [3.0, 4.0]})
    for suffix in _places.WRITTEN["table"]:
        table.write([numbers], str(tmp_path / f"table{suffix}"), {})
        assert (tmp_path / f"table{suffix}").stat().st_size
    for suffix in _places.WRITTEN["image"]:
        pictures = np.zeros((1, 8, 8) if suffix == ".pgm" else (1, 8, 8, 3), np.uint8)
        image.write([pictures], str(tmp_path / f"picture{suffix}"), image.learn(image.read(pictures)))
        assert (tmp_path / f"picture{suffix}").stat().st_size


def test_names_beside(tmp_path: Path) -> None:
    assert _places.beside("a/photo.jpg", "denoised") == str(Path("a/photo.denoised.jpg"))
    assert _places.beside("data.csv.gz", "reconstructed") == "data.reconstructed.csv.gz"
    assert _places.beside("data.csv", "codes", ".parquet") == "data.codes.parquet"
    assert _places.beside(str(tmp_path), "reconstructed") == f"{tmp_path}.reconstructed/"
