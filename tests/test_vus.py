"""The measure that benchmarks of sensors use: perfect scores come to 1, chance to about the share of anomalies."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def vus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vus", Path(__file__).parents[1] / "benchmarks" / "vus.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_volume_of_toy_cases(vus: ModuleType) -> None:
    labels = np.zeros(2000, int)
    labels[500:560] = labels[1200:1300] = 1
    draw = np.random.default_rng(0)
    perfect, chance = vus.vus_pr(labels, vus.buffered(labels, 100)), vus.vus_pr(labels, draw.normal(size=2000))
    late = vus.vus_pr(labels, np.roll(labels, 30).astype(float))
    one = vus.vus_pr(labels, (np.arange(2000) == 530).astype(float))
    assert perfect > 0.99
    assert 0.05 < chance < 0.2
    assert vus.vus_pr(labels, np.ones(2000)) == pytest.approx(chance, abs=0.05)
    assert chance < late < vus.vus_pr(labels, labels.astype(float)) < perfect
    assert one < 0.2, "one step in one of two anomalies is no detection: nothing is adjusted"


def test_without_buffer_it_is_average_precision_times_what_was_touched(vus: ModuleType) -> None:
    labels = np.zeros(250, int)
    labels[100:150] = 1
    scores = np.arange(250)[::-1].astype(float)
    precision = np.cumsum(labels) / np.arange(1, 251)
    assert vus.vus_pr(labels, scores, window=0) == pytest.approx(precision[labels == 1].mean(), abs=1e-9)


def test_the_best_f1(vus: ModuleType) -> None:
    labels = np.array([0, 1, 1, 0, 0])
    assert vus.best_f1(labels, labels.astype(float)) == 1
    assert vus.best_f1(labels, np.ones(5)) == pytest.approx(4 / 7)
