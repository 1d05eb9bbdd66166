"""A small table, a folder of pictures and a model of each, made once by the commands themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hourglass.cli import group

Run = Callable[..., Result]


def transactions(count: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    hours = generator.integers(8, 20, count)
    shops = np.array(["books", "[food]", "shoes"])[generator.integers(0, 3, count)]
    amounts = np.round(20 + 2 * hours + generator.normal(0, 3, count), 2)
    return pd.DataFrame({"amount": amounts, "hour": hours, "shop": shops, "fraud": generator.integers(0, 2, count)})


def run(*words: Any, code: int = 0, **options: Any) -> Result:
    """A command as a user calls it, in this process; its exit status is checked."""
    result = CliRunner().invoke(group, [str(word) for word in words], prog_name="hourglass", **options)
    assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}\n{result.exception!r}"
    return result


@pytest.fixture(name="run")
def run_fixture() -> Run:
    return run


@pytest.fixture
def told() -> Callable[..., dict[str, Any]]:
    """Run a command with --json and give what it told."""

    def answer(*words: Any, code: int = 0) -> dict[str, Any]:
        answered: dict[str, Any] = json.loads(run(*words, "--json", code=code).stdout)
        return answered

    return answer


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv, new.csv (its last row is odd), pictures/, table.hourglass and image.hourglass; nobody writes into it."""
    home = tmp_path_factory.mktemp("shelf")
    transactions(300, 0).to_csv(home / "train.csv", index=False)
    new = transactions(30, 1)
    new.loc[29, "amount"] = 5000.0
    new.to_csv(home / "new.csv", index=False)
    (home / "pictures" / "deep").mkdir(parents=True)
    generator = np.random.default_rng(2)
    for number in range(8):
        pixels = np.clip(np.add.outer(np.arange(8) * 20, np.arange(8) * 10) + generator.normal(0, 20, (8, 8)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(home / "pictures" / ("deep" if number < 3 else "") / f"{number}.png")
    run("fit", home / "train.csv", "-o", home / "table", "--label", "fraud", "--epochs", 20, "--seed", 0, "--quiet")
    run("fit", home / "pictures", "-o", home / "image", "--epochs", 2, "--seed", 0, "--quiet")
    return home
