"""Data that are unlike the training data as a whole are told so, and by what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hourglass import Autoencoder
from hourglass.errors import SchemaMismatch
from hourglass.parts import find
from hourglass.uses import shift


def payments(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    hours = random.integers(8, 20, count)
    shops = np.array(["books", "food", "shoes"])[random.integers(0, 3, count)]
    return pd.DataFrame({"amount": np.exp(random.normal(4, 0.8, count)), "hour": hours, "shop": shops})


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder("detect", epochs=2, random_state=0).fit(payments(600, 0))


def moved(model: Autoencoder, frame: pd.DataFrame) -> list[str]:
    table = pa.Table.from_pandas(frame)
    return shift.by_what(model.model_, find("kinds", "table").to_tensor(table, model.model_.facts), table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.assign(amount=data["amount"] * 100), "amount is around .* in training .about 100 times as much: other units"),
        (lambda data: data.assign(amount=data["amount"] / 1000), "amount is around .* in training .about 1/1,000 of it: other units"),
        (lambda data: data.assign(hour=data["hour"] + 12), "hour is around 25.* here, 13.* in training"),
        (lambda data: data.assign(hour=14), r"hour hardly varies \(spread 0 here"),
        (lambda data: data.assign(shop="zoo"), "shop holds values that training never saw in 100% of the rows, such as 'zoo'"),
        (lambda data: data.assign(amount=np.nan), "amount is missing in 100% of the rows, 0% in training"),
    ],
)
def test_the_column_that_moved_is_named(model: Autoencoder, change: Callable[[pd.DataFrame], pd.DataFrame], words: str) -> None:
    import re

    found = moved(model, change(payments(300, 1)))
    assert len(found) == 1, found
    assert re.search(words, found[0]), found


def test_nothing_is_said_of_data_like_the_training_data(model: Autoencoder) -> None:
    for seed in range(5):
        assert moved(model, payments(300, seed)) == []


def test_one_wild_value_is_no_shift(model: Autoencoder) -> None:
    frame = payments(60, 1)
    frame.loc[7, "amount"] = 5e7
    assert moved(model, frame) == []


def test_units_of_amounts_of_which_few_are_large_are_guessed() -> None:
    """Without their ends, the middle of such amounts is far below the mean that training learned."""
    amounts = [np.exp(np.random.default_rng(seed).normal(4, 1.2, 4000)) for seed in (0, 1)]
    rows = [pd.DataFrame({"amount": values, "hour": np.arange(4000) % 24}) for values in amounts]
    model = Autoencoder("detect", epochs=1, random_state=0).fit(rows[0])
    found = moved(model, rows[1].assign(amount=rows[1]["amount"] * 100))
    assert found[0].endswith("(about 100 times as much: other units?)")


def test_constant_columns_are_told_where_they_change() -> None:
    with pytest.warns(UserWarning, match="constant"):
        model = Autoencoder("detect", epochs=1, random_state=0).fit(payments(200, 0).assign(fee=7))
    assert moved(model, payments(100, 1).assign(fee=7)) == []
    assert moved(model, payments(100, 1).assign(fee=[7] * 50 + [9] * 50)) == ["fee is not 7 in 50% of the rows, as always in training"]


def test_sensors_and_arrays_are_named_too() -> None:
    random = np.random.default_rng(0)
    X = random.normal(5, 1, (300, 3)).astype("float32")
    table = Autoencoder("detect", epochs=1, random_state=0).fit(X).model_
    found = shift.by_what(table, find("kinds", "table").to_tensor(X * [1, 10, 1], table.facts), X)
    assert found[0].startswith("x1 is around ")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    series = Autoencoder("detect", kind="series:window=8", epochs=1, random_state=0).fit(frame)
    module = find("kinds", "series")
    chunk = module.read(frame.assign(b=frame["b"] * 10)).load(0)
    assert shift.by_what(series.model_, module.cut(chunk, series.model_.facts)[0], chunk)[0].startswith("b is around ")
    chunk = module.read(frame.assign(c=20 * frame["c"])).load(0)  # far out: told as it is, not as the network sees it
    assert "c is around 100.4 here" in shift.by_what(series.model_, module.cut(chunk, series.model_.facts)[0], chunk)[0]
    renamed = module.read(frame.rename(columns={"a": "A"})).load(0)  # as files are read: of frames scikit-learn says it, in its own words
    with pytest.warns(UserWarning, match="carried along"), pytest.raises(SchemaMismatch, match="is 'A' what was 'a' in training"):
        module.cut(renamed, series.model_.facts)


def test_other_degrees_are_guessed() -> None:
    celsius = pd.DataFrame({"heat": np.random.default_rng(0).normal(60, 4, 400), "flow": np.random.default_rng(1).normal(size=400)})
    model = Autoencoder("detect", epochs=1, random_state=0).fit(celsius)
    (found,) = moved(model, celsius.assign(heat=celsius["heat"] * 1.8 + 32))
    assert found.endswith("(as degrees Celsius in Fahrenheit would be: other units?)")
    (found,) = moved(model, celsius.assign(heat=celsius["heat"] + 273.15))
    assert "in kelvin" in found
    (found,) = moved(model, celsius.assign(heat=celsius["heat"] + 40))
    assert "degrees" not in found


def test_when_scores_say_that_the_data_are_shifted() -> None:
    even = [100] * 10
    assert shift.told(10, even) == ""
    assert shift.told(300, even) == ""
    assert "400 of 1,000 rows are anomalies" in shift.told(400, even)
    assert "more unusual than half" in shift.told(10, [300, 200, 150, 100, 100, 50, 50, 50, 0, 0])
    assert "perhaps they were trained on" in shift.told(0, [0, 0, 50, 50, 50, 150, 200, 200, 150, 150])
    assert shift.told(0, [5, 5, 5, 5, 1, 0, 0, 0, 0, 0]) == ""  # too few rows to say so
    random = np.random.default_rng(0)
    told = [shift.told(0, np.histogram(random.random(40), 10, (0, 1))[0].tolist()) for _ in range(500)]
    assert not any(told)
