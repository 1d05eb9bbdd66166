"""`hourglass label` and `hourglass predict`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hourglass import Autoencoder
from hourglass.cli import group


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table in two sorts, a few of them labelled, and a model of it."""
    folder = tmp_path_factory.mktemp("label")
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(300, 4)), columns=list("abcd"))
    Autoencoder(code_size=3, epochs=5, random_state=0).fit(frame).save(folder / "m.hourglass")
    frame["sort"] = np.where(frame["a"] - frame["c"] > 0, "up", "down")
    frame["size"] = 2.5 * frame["a"] + 1
    frame.drop(columns="size").iloc[:60].to_csv(folder / "few.csv", index=False)
    frame.drop(columns="sort").iloc[:60].to_csv(folder / "sizes.csv", index=False)
    frame.drop(columns="size").iloc[60:].to_csv(folder / "rest.csv", index=False)
    return folder


def test_few_rows_teach_and_the_rest_is_predicted(home: Path) -> None:
    result = run(
        "label", home / "m.hourglass", home / "few.csv", "--column", "sort", "-o", home / "c.hourglass", "--way", "probe", "--json"
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["classes"] == ["down", "up"]
    assert told["comparison"]["linear, raw data"] > 0.9
    assert "pretraining" in told["verdict"]
    told = run("info", home / "c.hourglass").output
    assert "2 classes of sort, by the" in " ".join(told.split())
    result = run("predict", home / "c.hourglass", home / "rest.csv", "-o", home / "said.csv", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["rows"] == 240
    assert told["score"] > 0.8
    said = pd.read_csv(home / "said.csv")
    assert list(said.columns) == ["row", "sort", "probability", "p(down)", "p(up)"]
    assert said["row"].tolist() == list(range(240))
    assert np.allclose(said["p(down)"] + said["p(up)"], 1)


def test_amounts_are_told_from_classes(home: Path) -> None:
    result = run("label", home / "m.hourglass", home / "sizes.csv", "--column", "size", "-o", home / "s", "--no-compare")
    assert result.exit_code == 0, result.output
    assert "R2" in result.output
    result = run("predict", home / "s.hourglass", home / "sizes.csv", "-o", "-")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].replace('"', "") == "row,size"


def test_pictures_lie_in_the_folder_of_their_class(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for number in range(24):
        sort = ("bright", "dark")[number % 2]
        (tmp_path / "few" / sort).mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(0, 60, (12, 12)) + (150 if sort == "bright" else 0)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "few" / sort / f"{number}.png")
    Autoencoder(code_size=2, epochs=3, random_state=0).fit(str(tmp_path / "few")).save(tmp_path / "m.hourglass")
    result = run("label", tmp_path / "m.hourglass", tmp_path / "few", "-o", tmp_path / "c.hourglass", "--way", "probe", "--no-compare")
    assert result.exit_code == 0, result.output
    result = run("predict", tmp_path / "c.hourglass", tmp_path / "few", "-o", tmp_path / "said.csv")
    assert result.exit_code == 0, result.output
    said = pd.read_csv(tmp_path / "said.csv")
    assert [Path(file).parent.name for file in said["file"]] == said["label"].tolist()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["few.csv", "-o", "x.hourglass"], "say which column holds the labels: --column NAME"),
        (["few.csv", "--column", "sorts", "-o", "x.hourglass"], "did you mean 'sort'?"),
        (["few.csv", "--column", "a", "-o", "x.hourglass"], "fit it again without: --label a"),
        (["few.csv", "--column", "sort", "-o", "x.csv"], "give the file one of these suffixes"),
        (["few.csv", "--column", "sort", "-o", "x.hourglass", "--way", "prob"], "did you mean 'probe'?"),
    ],
)
def test_mistakes_are_said(home: Path, words: list[str], told: str) -> None:
    given = [str(home / word) if word.endswith((".csv", ".hourglass")) else word for word in words]
    result = run("label", home / "m.hourglass", *given)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
    assert not (home / "x.hourglass").exists()


def test_a_model_without_labels_predicts_nothing(home: Path) -> None:
    result = run("predict", home / "m.hourglass", home / "rest.csv", "-o", home / "none.csv")
    assert result.exit_code == 2
    assert "teach it some: hourglass label" in " ".join(result.output.split())
