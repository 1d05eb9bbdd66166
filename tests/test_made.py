"""The report as an object: from fresh samples, from the last measures, as text, page and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hourglass import Autoencoder, errors, load


def rows(count: int = 400) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(count, 2)) @ random.normal(size=(2, 6)) + 0.1 * random.normal(size=(count, 6))


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder(code_size=2, epochs=60, random_state=0).fit(rows())


def test_right_after_a_fit_the_held_out_rows_are_measured(model: Autoencoder) -> None:
    report = model.report()
    assert report.measures["rows"]["held_out"] == 40
    assert report.text == str(report)
    assert "Yes" in report.text or "No" in report.text
    assert "Report(" in repr(report)


def test_page_and_numbers(model: Autoencoder, tmp_path: Path) -> None:
    report = model.report(rows(), to=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == report.html
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    report.write(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["measures"] == json.loads(json.dumps(report.measures))
    assert [verdict["name"] for verdict in told["verdicts"]] == [verdict.name for verdict in report.verdicts]
    with pytest.raises(errors.BadOption, match="pdf"):
        report.write(tmp_path / "report.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_loaded_model_tells_its_last_report(model: Autoencoder, tmp_path: Path) -> None:
    report = model.report()
    model.save(tmp_path / "m.hourglass")
    again = load(tmp_path / "m.hourglass").report(to=tmp_path / "again.html")
    assert again.verdicts == report.verdicts
    assert again.text == report.text
    assert (tmp_path / "again.html").stat().st_size > 1000


def test_a_table_shows_rows_of_the_users_own_columns() -> None:
    frame = pd.DataFrame(rows(), columns=[f"column {i}" for i in range(6)]).assign(shop=np.tile(["books", "food"], 200))
    page = Autoencoder(epochs=2, random_state=0).fit(frame).report().html
    assert "column 3" in page
    assert "books" in page


def test_two_rows_suffice() -> None:
    assert Autoencoder(epochs=1, random_state=0).fit(rows(3)).report().verdicts
    assert Autoencoder(epochs=1, random_state=0).fit(rows(50)).report(rows(2)).text
