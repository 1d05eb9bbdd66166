"""Events: where they begin and end, what sort of thing they were, and that a network must have learned something to find them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hourglass import Autoencoder
from hourglass.errors import BadOption
from hourglass.uses.events import narrowed, sort_of, spans

WINDOW = 32


def machine(rows: int, seed: int, begin: str = "2024-01-01") -> pd.DataFrame:
    draw, t = np.random.default_rng(seed), np.arange(rows)
    heat, flow = 20 + np.sin(t / 4) + 0.1 * draw.normal(size=rows), 5 + np.cos(t / 4) + 0.1 * draw.normal(size=rows)
    return pd.DataFrame({"at": pd.date_range(begin, periods=rows, freq="1min"), "heat": heat, "flow": flow})


def broken() -> pd.DataFrame:
    """A spike of heat in rows 200 to 202, a shift of flow in 400 to 519, drift of heat in 700 to 899."""
    frame = machine(1100, 1, "2024-02-01")
    frame.loc[200:202, "heat"] += 5
    frame.loc[400:519, "flow"] += 4
    frame.loc[700:899, "heat"] += np.linspace(0, 6, 200)
    return frame


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder("detect", kind=f"series:window={WINDOW}", epochs=30, members=2, random_state=0).fit(machine(1500, 0))


def test_events_are_found_where_they_were_planted(model: Autoencoder) -> None:
    events = model.explain(broken(), events=True)
    assert list(events)[:6] == ["first_row", "last_row", "peak_row", "start", "end", "peak"]
    found = {}
    for name, first, last in (("spike", 200, 202), ("level shift", 400, 519), ("drift", 700, 899)):
        inside = events[(events["first_row"] <= last) & (events["last_row"] >= first)]
        assert len(inside) >= 1, name
        found[name] = inside.loc[inside["rows"].idxmax()]
        assert found[name]["kind"] == name
    assert abs(found["spike"]["first_row"] - 200) <= 3
    assert abs(found["spike"]["last_row"] - 202) <= 3
    assert [found[name]["sensors"].split(", ")[0] for name in found] == ["heat", "flow", "heat"]
    assert found["spike"]["start"] == pd.Timestamp("2024-02-01") + pd.Timedelta(minutes=int(found["spike"]["first_row"]))
    outside = [
        row
        for row in events.to_dict("records")
        if not any(a - WINDOW <= row["first_row"] <= b for a, b in ((200, 202), (400, 519), (700, 899)))
    ]
    assert len(outside) <= 1


def test_a_broken_rhythm_is_an_event_for_a_network_that_learned_it(model: Autoencoder) -> None:
    """Every value is an ordinary one; a network as it was drawn, whose expectation is the mean, sees nothing."""
    frame = machine(600, 2, "2024-03-01")
    frame.loc[300:359, "flow"] = 10 - frame.loc[300:359, "flow"]  # swings the other way
    raw = Autoencoder("detect", kind=f"series:window={WINDOW}", network="dense:widths=[32],beside=false", learning_rate=1e-9, epochs=1)
    raw.set_params(random_state=0).fit(machine(1500, 0))
    inside = [
        events[(events["first_row"] >= 268) & (events["last_row"] <= 392)]
        for events in (model_.explain(frame, events=True) for model_ in (model, raw))
    ]
    assert len(inside[0]) >= 1
    assert inside[0]["rows"].sum() >= 30
    assert len(inside[1]) == 0


def test_scores_without_meaning_make_no_events() -> None:
    assert spans(np.ones(100), (1.0, 0.5), 4, np.zeros(100)) == []


def test_hysteresis_and_merging() -> None:
    scores = np.array([0, 1, 3, 1, 1, 3, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 1, 0], float)
    assert spans(scores, (2, 0.5), 3, np.zeros(18)) == [(1, 9)]
    assert spans(scores, (2, 2), 1, np.zeros(18)) == [(2, 3), (5, 6), (8, 9)]
    assert spans(scores, (2, 0.5), 3, np.repeat([0, 1], [4, 14])) == [(1, 4), (4, 9)]
    assert spans(np.full(5, np.nan), (2, 1), 3, np.zeros(5)) == []


def test_spans_are_narrowed_to_steps_that_stand_out() -> None:
    odd = np.ones(100)
    odd[[30, 31, 70]] = 50
    assert narrowed(odd, (10, 90), 8) == [(30, 32), (70, 71)]
    assert narrowed(np.ones(100), (10, 90), 8) == [(10, 90)]


@pytest.mark.parametrize("seed", range(3))
def test_sorts_of_events(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def odd(off: np.ndarray) -> np.ndarray:
        return (off + draw.normal(size=len(off))) ** 2

    flat = np.zeros(300)
    for name, off in (("spike", [9.0] * 3), ("level shift", [8.0] * 100), ("drift", np.linspace(0, 12, 150))):
        curve = flat.copy()
        curve[100 : 100 + len(off)] = off
        assert sort_of(odd(curve), 100, 100 + len(off), 32) == name


def test_events_are_of_series_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(BadOption, match="events are of series"):
        Autoencoder(epochs=1, code_size=1, random_state=0).fit(rows).explain(rows, events=True)
    cube = rows.reshape(12, 5, 3).astype("float32")
    with pytest.raises(BadOption, match="recordings over time"):
        Autoencoder(epochs=1, code_size=1, kind="series", random_state=0).fit(cube).explain(cube, events=True)
