"""The page of what `detect` found: complete, self-contained, and nothing of the user's can steer it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from hourglass.report.found import Findings, page
from hourglass.report.heat import card_of, marked

ROWS = [
    {"row": 7, "score": 12.3456, "p_value": 0.001, "anomaly": True, "because": "shop <b>food</b>, expected shoes"},
    {"row": 2, "score": 1.5, "p_value": 0.2, "anomaly": False, "because": ""},
]


@pytest.fixture
def findings() -> Findings:
    random = np.random.default_rng(0)
    return Findings(
        title="Anomalies in <new>.csv",
        answer="1 of 500 are anomalies",
        facts={"Threshold": "5.1"},
        known=random.exponential(size=300),
        scores=random.exponential(size=500),
        threshold=5.1,
        top=ROWS,
        notes=["note: few known scores"],
    )


def test_everything_is_on_the_page(findings: Findings) -> None:
    text = page(findings)
    for words in ("1 of 500 are anomalies", "threshold 5.1", "few known scores", "12.3", "expected shoes", "&lt;new&gt;"):
        assert words in text
    assert "<b>food" not in text
    assert "<script" not in text
    assert not re.search(r'(src|href)="http', text)
    assert text.count('class="odd"') == 1
    assert text.count('class="area') == 2


def test_a_series_has_its_scores_over_time(findings: Findings) -> None:
    scores = findings.scores.clip(0, 4)
    scores[123] = 50.0
    text = page(replace(findings, scores=scores, steps=[f"12:{i:03d}" for i in range(500)]))
    assert "Over time" in text
    assert text.count('class="over"') == 1
    assert "12:499" in text
    assert "Over time" in page(replace(findings, steps=[]))
    many = page(replace(findings, scores=np.tile(scores, 100), steps=[]))
    assert "the highest of each 63" in many
    assert len(many) < 60_000
    assert many.count('class="over"') == 100


EVENTS = [
    {"first_row": 100, "last_row": 149, "peak_row": 120, "rows": 50, "score": 9.87, "p_value": 0.002, "kind": "drift", "sensors": "<heat>"},
    {"first_row": 490, "last_row": 490, "peak_row": 490, "rows": 1, "score": 3.0, "p_value": 0.01, "kind": "spike", "sensors": "flow"},
]


def test_events_are_a_table_and_shaded(findings: Findings) -> None:
    text = page(replace(findings, steps=[], events=EVENTS))
    shaded = re.findall(r'<rect class="event" x="([\d.]+)" width="([\d.]+)"[^>]*><title>(\w+)', text)
    assert [name for _, _, name in shaded] == ["drift", "spike"]
    (left, wide, _), (right, thin, _) = shaded
    assert float(wide) / (float(right) - float(left)) == pytest.approx(49 / 390, rel=0.05)
    assert float(thin) == 3
    assert "<td>9.87</td><td>0.002</td><td>drift</td><td>&lt;heat&gt;</td>" in text
    assert "<th>first row</th>" in text
    timed = page(replace(findings, steps=[], events=[{**EVENTS[0], "start": "12:01", "end": "12:50", "peak": "12:20"}]))
    assert "<td>12:01</td><td>12:50</td>" in timed
    assert "first row" not in timed
    assert "nothing lasts" in page(replace(findings, steps=[], events=[]))
    assert "nothing lasts" not in page(replace(findings, steps=[]))


def test_odd_numbers_do_not_break_it(findings: Findings) -> None:
    for scores in (np.zeros(5), np.array([np.nan, 1.0]), np.array([1e30, 1e-30]), np.full(3, 2.0)):
        assert "The most unusual" in page(replace(findings, scores=scores, steps=[]))
    assert "threshold" not in page(replace(findings, threshold=float("inf"), facts={}))
    assert "The most unusual" not in page(replace(findings, top=[]))


def test_rows_as_they_were_given_stand_beside(findings: Findings) -> None:
    text = page(replace(findings, cells={7: {"shop": "food", "amount": 1234.5}}))
    assert '<td class="given">1234.5</td>' in text
    assert "<th>amount</th>" in text


def test_heat_is_where_the_residual_is() -> None:
    picture, heat = torch.full((1, 20, 20), 0.5), torch.zeros(20, 20)
    heat[5:9, 10:14] = 1.0
    red = marked(picture, heat)
    assert red.shape == (3, 20, 20)
    assert red[0, 7, 12] > 0.7
    assert red[1, 7, 12] < 0.3
    assert torch.equal(red[:, 15, 3], torch.full((3,), 0.5))
    card = card_of(picture[None], heat[None], [{"row": 3, "file": "<a>.png", "score": 9.0}])
    assert card.count("<img") == 2
    assert "&lt;a&gt;.png" in card
