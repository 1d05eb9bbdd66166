"""A table of payments with planted contradictions: one cell of a row is taken from another row, so that every value is ordinary by itself.

    python benchmarks/planted.py payments.csv odd.csv     # rows to train on; rows to look at, with the guilty column in `guilty`

A shop stands in one country and is of one sort; the country tells the currency, the sort and the currency how much is paid, and the sort
at what hours and on which days. So a cell from another row disagrees with several others at once, and they do not disagree with each other.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

COUNTRIES = {"DE": ("EUR", 1.0), "FR": ("EUR", 1.1), "GB": ("GBP", 0.85), "US": ("USD", 1.1), "PL": ("PLN", 4.3), "SE": ("SEK", 11.0)}
SORTS = {"grocery": (30.0, 14, 3.0, 7), "books": (18.0, 15, 2.0, 5), "bar": (60.0, 22, 1.0, 7), "jewels": (900.0, 13, 1.5, 5)}
CHANGED = ("amount", "country", "currency", "sort", "shop", "date")


def normal(count: int, seed: int) -> Any:
    """Payments (a pandas frame) without contradictions."""
    random = np.random.default_rng(seed)
    shops = [(f"{sort}-{country}-{number}", country, sort) for country in COUNTRIES for sort in SORTS for number in (1, 2)]
    chosen = [shops[i] for i in random.integers(len(shops), size=count)]
    sorts = [SORTS[sort] for _, _, sort in chosen]
    typical, hour, spread, days = (np.array(values) for values in zip(*sorts, strict=True))
    rate = np.array([COUNTRIES[country][1] for _, country, _ in chosen])
    day = 7 * random.integers(0, 52, count) + random.integers(0, days)  # 2024 begins on a Monday
    minute = 60 * hour + 60 * spread * random.normal(size=count).clip(-2, 2)
    return pd.DataFrame(
        {
            "date": np.datetime64("2024-01-01", "s") + (day * 86_400 + minute.astype(int) * 60).astype("timedelta64[s]"),
            "shop": [shop for shop, _, _ in chosen],
            "country": [country for _, country, _ in chosen],
            "currency": [COUNTRIES[country][0] for _, country, _ in chosen],
            "sort": [sort for _, _, sort in chosen],
            "amount": np.round(typical * rate * np.exp(0.3 * random.normal(size=count)), 2),
        }
    )


def contradictory(count: int, seed: int) -> tuple[Any, list[str]]:
    """Payments with one cell from another row, whose shop is of another country and another sort, and the column of that cell."""
    rows, others = normal(count, seed), normal(20 * count, seed + 1)
    random = np.random.default_rng(seed)
    guilty = [CHANGED[i] for i in random.integers(len(CHANGED), size=count)]
    at = 0
    for row, column in enumerate(guilty):
        while not _unlike(rows.iloc[row], others.iloc[at], column):
            at += 1
        rows.loc[row, column] = others.loc[at, column]
        at += 1
    return rows, guilty


def _unlike(row: Any, other: Any, column: str) -> bool:
    """Whether the other row's cell cannot stand in this row."""
    if column == "amount":
        return abs(np.log(row.amount / other.amount)) > np.log(8)
    if column == "date":
        return bool(abs(row.date.hour - other.date.hour) >= 8)
    return bool(row.country != other.country and row.currency != other.currency and row["sort"] != other["sort"])


if __name__ == "__main__":
    normal(5000, 0).to_csv(sys.argv[1], index=False)
    odd, columns = contradictory(500, 7)
    odd.assign(guilty=columns).to_csv(sys.argv[2], index=False)
