"""Find a few odd payments among thousands: makes its own table, so that it is known which ones are odd."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hourglass import Autoencoder


def payments(count: int, odd: int, seed: int) -> pd.DataFrame:
    """Payments whose amount follows shop and number of items; in the last `odd` rows shoes are booked as food."""
    generator = np.random.default_rng(seed)
    price = {"books": 20.0, "food": 8.0, "shoes": 60.0}
    shops = generator.choice(list(price), count)
    shops[count - odd :] = "shoes"
    items = 1 + generator.poisson(2, count)
    amounts = np.array([price[shop] for shop in shops]) * items * generator.lognormal(0, 0.1, count)
    shops[count - odd :] = "food"
    hours = generator.normal(14, 3, count).round().clip(0, 23)
    return pd.DataFrame({"shop": shops, "items": items, "hour": hours, "amount": amounts.round(2)})


def main() -> None:
    """Train on usual payments, look at new ones."""
    model = Autoencoder("detect", epochs=60, random_state=0).fit(payments(2000, 0, seed=0))
    new = payments(500, 10, seed=1)
    found = model.explain(new)
    worst = found.sort_values("score", ascending=False).head(10)
    print(worst.to_string(index=False))
    print(f"{(worst['row'] >= 490).sum()} of the 10 highest scores are among the 10 odd payments")
    print(model.report())


if __name__ == "__main__":
    main()
