"""`hourglass search`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from hourglass import load
from hourglass.cli import group


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    hidden = chance.normal(size=(200, 2))
    frame = pd.DataFrame(np.concatenate([hidden, hidden[:, :1] + hidden[:, 1:]], 1), columns=list("abc"))
    frame["odd"] = (np.arange(200) < 20).astype(int)
    frame.loc[frame["odd"] == 1, "c"] += 4
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def test_a_search_saves_its_best_and_says_what_it_found(table: Path) -> None:
    where = table.parent
    words = ("--purpose", "detect", "--label", "odd", "--trials", "3", "--minutes", "0.3", "--json")
    result = run("search", table, *words, "-o", where / "best.hourglass", "--page", where / "s.html", "--journal", where / "j.log")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["measure"] == "AUROC"
    assert len(told["trials"]) == 3
    assert len(told["of_recipe"]) == 3
    assert "recipe" in told["verdict"]
    assert load(where / "best.hourglass").model_.settings["purpose"] == "detect"
    assert (where / "s.html").read_text().startswith("<!doctype html>")
    assert (where / "j.log").exists()
    assert run("search", table, *words, "-o", where / "best.hourglass").exit_code == 2  # it exists


def test_words_for_people(table: Path) -> None:
    result = run("search", table, "--ignore", "odd", "--trials", "2", "--minutes", "0.02", "--quiet", "-o", table.parent / "m")
    assert result.exit_code == 0, result.output
    assert (table.parent / "m.hourglass").exists()
    result = run("search", table, "--ignore", "odd", "--trials", "2", "--minutes", "0.02", "-o", table.parent / "n.hourglass")
    assert "The best of " in result.output
    result = run("search", table, "--trials", "0", "-o", table.parent / "o.hourglass")
    assert result.exit_code == 2
