"""The page: well-formed, nothing fetched, nothing of the user's taken for HTML."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from hourglass.parts import Batch
from hourglass.report import charts, pictures, rows
from hourglass.report.measures import measure
from hourglass.report.page import Samples, page
from hourglass.report.pictures import sheet
from hourglass.report.verdicts import Verdict, summary, verdicts

ALONE = {"meta", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Checks that tags nest, and collects them with the headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert not re.search(r"https?://|@import|url\((?!#)", html)
    for tag, attributes in reader.tags:
        assert tag not in ("script", "link", "iframe")
        assert (attributes.get("src") or "data:").startswith("data:")
        assert "href" not in attributes
    return reader


@pytest.fixture(scope="module")
def learned(make):
    training = make.rows(300)
    model = make.learned(training)
    history = [
        {"epoch": i + 1, "step": i, "training": 9.0 / (i + 1), "held_out": 10.0 / (i + 1), "cost": 0.5, "seconds": i} for i in range(9)
    ]
    model.record = {
        "history": [{**history[0], "training": float("nan")}, *history[1:]],
        "troubles": [],
        "stopped": "Nine epochs were done.",
    }
    return model, measure(model, training, make.rows(100, 1), labels=np.arange(100) % 3)


def test_every_section_is_there(learned):
    model, measures = learned
    samples = Samples(
        name="wine",
        data="wine.csv",
        cards=[pictures.card_of(torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8), ""), rows.card_of(np.ones((2, 2)), np.zeros((2, 2)))],
        elements=[f"number {i}" for i in range(8)],
    )
    html = page(model, measures, verdicts(measures), samples)
    headings = read(html).headings
    assert headings[:3] == ["Did it learn something?", "What to change", "Against what it must beat"]
    expected = {"Training", "Columns that come back worst", "Map of the codes", "Errors, row by row", "Use of the code", "All numbers"}
    assert expected <= set(headings)
    assert headings.count("Originals beside reconstructions") == 2
    for text in ("wine.csv", "number 3", "Nine epochs were done.", "random encoder", "9 epochs", '"effective": 3'):
        assert text in html


def test_text_is_escaped(learned):
    model, measures = learned
    bad = "<script>alert(1)</script>"
    told = pa.table({bad: [bad]})
    samples = Samples(bad, bad, [rows.card_of(told, told)], [bad] * 8)
    history = measures["history"]
    hostile = {**measures, "stopped": bad, "troubles": [bad], "map": {**measures["map"], "labels": [bad] * 100}, "history": history}
    hostile["setting"] = {**measures["setting"], "network": bad, "purpose": bad}
    html = page(model, hostile, [*verdicts(hostile), Verdict(bad, "bad", bad, bad)], samples)
    read(html)
    assert bad not in html
    assert html.count("&lt;script&gt;") >= 10


def test_what_is_absent_is_left_out(make):
    model = make.build("gaussian", code_size=1)
    measures = measure(model, make.rows(1), make.rows(0))
    headings = read(page(model, measures, verdicts(measures))).headings
    assert "Training" not in headings
    assert "Map of the codes" not in headings
    assert read(page(model, {}, [])).headings == ["Did it learn something?", "What to change", "All numbers"]


def test_wide_tables_stay_small(make):
    model = make.build(width=2000)
    x = Batch(torch.randn(60, 2000, generator=torch.Generator().manual_seed(0)))
    measures = measure(model, x, x)
    table = pa.table({f"column {i}": [1.0] * 8 for i in range(2000)})
    html = page(model, measures, verdicts(measures), Samples(cards=[rows.card_of(table, table)]))
    assert "1,970 more columns" in html
    assert len(read(html).tags) < 1500


def test_summary_is_for_a_terminal(learned):
    _, measures = learned
    found = [*verdicts(measures), Verdict("overfits", "bad", "By heart.", "Give more rows.")]
    text = summary(measures, found)
    assert text.splitlines()[0] == "Did it learn something? No, not as it should: overfits."
    assert "-> Give more rows." in text
    assert "100 of 100 held-out rows" in text
    assert "<" not in text


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_sheet_is_a_picture(channels):
    value = torch.full((2, channels, 5, 4), 2.0)
    value[0, 0, 0, 0] = float("nan")
    prefix, data = sheet(value).split(",")
    assert prefix == "data:image/png;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    assert picture[0, 0, 0] == 0
    assert picture[-1, -1, 0] == 255
    assert picture.shape == (95, 2 * 76 + 2, 3)


def test_lines_cut_off_first_losses_and_skip_gaps():
    svg = charts.lines({"training": [(0, 1e9), *[(i, 10.0 - i) for i in range(1, 9)], (9, float("nan"))]}, "epoch", "nats")
    assert "nan" not in svg
    assert "1e+09" not in svg
    assert svg.count("<polyline") == 1
    assert charts.lines({"training": [(0, float("nan"))]}, "epoch", "nats") == ""


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 1200), (1e-9, 3e-9), (5, 5)])
def test_ticks_are_few_and_inside(low, high):
    found = charts.ticks(low, high)
    assert 1 <= len(found) <= 11
    assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in found)


@pytest.mark.parametrize(("low", "high"), [(0.4, 0.7), (1e-6, 1.0), (0.02, 0.9)])
def test_a_logarithmic_axis_has_a_few_round_marks(low, high):
    svg = charts.lines({"PCA": [(1, high), (2, low), (3, 0.0)]}, "size", "error", marked=True)
    marks = [float(text) for text in re.findall(r'text-anchor="end" x="56"[^>]*>([^<]+)<', svg)]
    assert 3 <= len(marks) <= 9
    assert all(low * 0.5 <= mark <= high * 2 for mark in marks)
    assert svg.count("<circle") == 2
