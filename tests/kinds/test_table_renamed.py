"""Columns that do not fit: guesses by name and by values, and what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from hourglass.errors import SchemaMismatch
from hourglass.kinds import table


def frame(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    shops = np.array(["books", "food", "shoes"])[random.integers(0, 3, count)]
    hours, online = random.integers(8, 20, count), random.random(count) < 0.5
    return pd.DataFrame({"amount": random.lognormal(4, 0.5, count), "hour": hours, "shop": shops, "online": online})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.rename(columns={"amount": "betrag"}), "is 'betrag' what was 'amount' in training .its values are alike"),
        (lambda data: data.rename(columns={"shop": "where"}), "is 'where' what was 'shop' in training .its values are alike"),
        (lambda data: data.rename(columns={"amount": "Amount "}), "is 'Amount ' what was 'amount' in training .a similar name, and its"),
        (lambda data: data.rename(columns={"online": "on_line"}), "is 'on_line' what was 'online' in training .a similar name"),
        (
            lambda data: data.assign(amount=data["amount"] * 100).rename(columns={"amount": "amuont"}),
            "is 'amuont' what was 'amount' in training .a similar name, but other values",
        ),
        (lambda data: data.assign(fraud=0), "take 'fraud' out, or if it is a label, say --label fraud"),
        (lambda data: data.drop(columns="hour"), "may be there with empty cells"),
    ],
)
def test_what_does_not_fit_is_guessed(change: Callable[[pd.DataFrame], pd.DataFrame], words: str) -> None:
    facts = table.learn(table.read(frame(400, 0)))
    with pytest.raises(SchemaMismatch, match=words):
        table.to_tensor(table.read(change(frame(300, 1))).load(0), facts)


def test_columns_with_other_values_are_not_taken_for_each_other() -> None:
    facts = table.learn(table.read(frame(400, 0)))
    other = frame(300, 1).rename(columns={"amount": "weight", "shop": "city"}).assign(weight=np.arange(300.0), city="Rome")
    with pytest.raises(SchemaMismatch) as caught:
        table.to_tensor(table.read(other).load(0), facts)
    assert "what was" not in str(caught.value)


def test_two_renamed_columns_are_told_apart() -> None:
    facts = table.learn(table.read(frame(400, 0)))
    other = frame(300, 1).rename(columns={"amount": "a", "hour": "b"})
    with pytest.raises(SchemaMismatch) as caught:
        table.to_tensor(table.read(other).load(0), facts)
    assert "is 'a' what was 'amount'" in str(caught.value)
    assert "is 'b' what was 'hour'" in str(caught.value)
