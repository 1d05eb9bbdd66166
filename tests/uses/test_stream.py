"""Rows one at a time: the same scores as in a file, the past alone, and thresholds that follow slow change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from hourglass import Autoencoder
from hourglass.errors import BadData, SchemaMismatch
from hourglass.kinds._lines import Lines, cells
from hourglass.uses.adapt import Adapting, adapted
from hourglass.uses.stream import Stream


def machine(rows: int, seed: int, more: float = 0.0) -> pd.DataFrame:
    draw, t = np.random.default_rng(seed), np.arange(rows)
    values = np.stack([np.sin(t / 3), np.cos(t / 3)], 1) + (0.1 + more) * draw.normal(size=(rows, 2))
    return pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="1min"), "heat": values[:, 0], "flow": values[:, 1]})


@pytest.fixture(scope="module")
def series() -> Autoencoder:
    return Autoencoder("detect", kind="series:window=16", epochs=20, members=1, random_state=0).fit(machine(800, 0))


@pytest.fixture(scope="module")
def table() -> Autoencoder:
    draw = np.random.default_rng(0)
    shops = np.array(["books", "food"])[draw.integers(0, 2, 300)]
    frame = pd.DataFrame({"amount": draw.normal(20, 3, 300), "shop": shops, "items": draw.integers(1, 9, 300)})
    return Autoencoder("detect", epochs=10, members=1, random_state=0).fit(frame)


def lines_of(frame: pd.DataFrame) -> list[str]:
    return frame.to_csv(index=False).splitlines()


def streamed(model: Autoencoder, lines: list[str]) -> list[dict]:
    reader, stream = Lines(*cells(lines[0]), model.model_.facts), Stream(model.model_, lambda: -model.offset_)
    return [stream.take(reader.row(line))[0] for line in lines[1:]]


def test_a_table_scores_as_it_does_from_a_file(table: Autoencoder) -> None:
    frame = pd.DataFrame({"shop": ["books", "food", "books"], "amount": [20.5, np.nan, 90.0], "items": [3, 4, 5]})
    found = streamed(table, lines_of(frame))
    told = -table.score_samples(frame[["amount", "shop", "items"]])
    # the second row lies on a training row: its distance is a small difference of large numbers, whose rounding is the processor's
    np.testing.assert_allclose([row["score"] for row in found], told, rtol=1e-4, atol=1e-3)
    assert [row["row"] for row in found] == [0, 1, 2]
    assert found[2]["anomaly"]
    assert found[2]["because"].startswith("amount 90")
    with pytest.raises(SchemaMismatch, match="unknown columns: 'note'"):
        streamed(table, lines_of(frame.assign(note="a")))


def test_a_series_is_judged_by_the_window_that_ends_there(series: Autoencoder) -> None:
    frame = machine(60, 3)
    frame.loc[50, "heat"] += 4
    found = streamed(series, lines_of(frame))
    assert all(not row["anomaly"] and "not judged yet" in row["because"] for row in found[:15])
    last = frame[35:51]  # the window that ends with row 50
    assert found[50]["score"] == pytest.approx(-series.score_samples(last)[-1], rel=1e-4)
    assert found[50]["anomaly"]
    assert not found[49]["anomaly"]
    assert found[50]["time"] == frame["at"][50]


def test_machines_of_a_group_do_not_mix() -> None:
    one, other = machine(400, 0), machine(400, 1)
    both = pd.concat([one.assign(machine="a"), other.assign(machine="b")]).sort_values("at", kind="stable").reset_index(drop=True)
    model = Autoencoder("detect", kind="series:window=16,group=machine", epochs=5, members=1, random_state=0).fit(both)
    new = both[:100]
    found = [row["score"] for row in streamed(model, lines_of(new))]
    alone = [row["score"] for row in streamed(model, lines_of(new[new["machine"] == "a"]))]
    np.testing.assert_allclose(found[::2], alone, rtol=1e-5)


def test_arrays_have_no_names() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
    model = Autoencoder("detect", epochs=5, members=1, random_state=0).fit(rows)
    reader, stream = Lines(["a", "b", "c"], ";", model.model_.facts), Stream(model.model_, lambda: -model.offset_)
    found, _ = stream.take(reader.row(";".join(f"{value:.9g}".replace(".", ",") for value in rows[0])))
    assert found["score"] == pytest.approx(-model.score_samples(rows[:1])[0], rel=1e-3)
    with pytest.raises(SchemaMismatch, match="2 columns"):
        Lines(["a", "b"], ";", model.model_.facts)


def test_lines_that_cannot_be_read(table: Autoencoder) -> None:
    reader = Lines(["amount", "shop", "items"], ",", table.model_.facts)
    for line in ("1,books", "1,books,2,3", "x,books,2", '1,"books'):
        with pytest.raises(BadData):
            reader.row(line)
    assert reader.row("NA,,?")["amount"].null_count == 1
    with pytest.raises(SchemaMismatch, match="lacks the columns 'items'"):
        Lines(["amount", "shop"], ",", table.model_.facts)
    with pytest.raises(BadData, match="several columns called 'shop'"):
        Lines(["amount", "shop", "shop"], ",", table.model_.facts)


def test_names_and_separators() -> None:
    assert cells("a;b,c;d") == (["a", "b,c", "d"], ";")
    assert cells('"a b",c') == (["a b", "c"], ",")
    assert cells("single") == (["single"], ",")


def test_adapting_moves_the_threshold_and_not_the_weights(series: Autoencoder) -> None:
    """Noisier by a half for good: alarms fade; without adapting they stay."""
    model = Autoencoder("detect", kind="series:window=16", epochs=20, members=1, random_state=0).fit(machine(800, 0))
    new = machine(3000, 5, more=0.04)
    weights = {name: tensor.clone() for name, tensor in model.model_.modules().state_dict().items()}
    before, alarms = model.offset_, float((model.predict(new[2000:]) == -1).mean())
    assert model.adapt(new[:2000]) is model
    assert model.offset_ != before
    assert float((model.predict(new[2000:]) == -1).mean()) < 0.5 * alarms
    for name, tensor in model.model_.modules().state_dict().items():
        assert torch.equal(tensor, weights[name])
    assert model.model_.record["adapted"]["samples"] > 100


def test_what_stands_far_out_teaches_nothing(series: Autoencoder) -> None:
    """A long failure does not become normal."""
    failed = machine(300, 6)
    failed[["heat", "flow"]] += 30
    before = series.offset_
    assert "0 samples" in adapted(series.model_, _batch(series, failed))
    assert series.offset_ == before


def test_samples_of_a_stream_are_taken_in_together(series: Autoencoder) -> None:
    slow, batch = Adapting(series.model_), _batch(series, machine(200, 7))
    for at in range(batch.count):
        slow.take(batch[at : at + 1], False)
    assert f"{batch.count:,} samples" in slow.sentence()
    assert "weights did not" in slow.sentence()


def _batch(model: Autoencoder, frame: pd.DataFrame):
    from hourglass.kinds import series

    return series.cut(frame, model.model_.facts)[0]
