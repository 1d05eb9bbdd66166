"""`hourglass demo`: it runs, writes what it promises, and its arithmetic is right."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
import pytest

import hourglass
from hourglass.cli import _demo_machine, _demo_photo
from hourglass.cli.demo import WRITTEN


def test_demo_tells_three_stories(told, run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(hourglass, "Autoencoder", functools.partial(hourglass.Autoencoder, epochs=1))
    monkeypatch.chdir(tmp_path)
    found = list(told("demo")["found"].values())
    folder = Path("hourglass-demo")
    assert {path.name for path in folder.iterdir()} == set(WRITTEN)
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all((folder / name).exists() for name in re.findall(r'(?:src|href)="([^"]+)"', page))
    assert page.count("<figure>") == 5
    assert found[0]["failures"] == 3
    assert found[1]["nines_stranger"] > 0.6
    assert found[2]["psnr_after"] > found[2]["psnr_before"] + 5
    assert "exists already" in run("demo", code=2).stderr


def test_patches_go_back_to_their_places() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (24, 20, 3)).astype(np.uint8)
    np.testing.assert_array_equal(_demo_photo._join(_demo_photo._cut(picture), picture.shape), picture)


def test_alarms_become_stretches() -> None:
    hours = np.arange(60) * np.timedelta64(1, "h") + np.datetime64("2020-01-01T00:00:00")
    alarms = np.isin(np.arange(60), [3, 5, 40])
    known = [(hours[38], hours[41])]
    series = _demo_machine.Series(hours, np.zeros(60), known, hours[0])
    spans = list(_demo_machine._spans(hours, {"anomaly": alarms, "score": np.arange(60.0)}, series))
    assert [(span.end, span.score, span.known) for span in spans] == [(hours[5], 5.0, False), (hours[40], 40.0, True)]


@pytest.mark.parametrize("level", [1.0, 10.0])
def test_decibels(level: float) -> None:
    clean = np.zeros((4, 4), np.uint8)
    assert _demo_photo._psnr(clean + np.uint8(level), clean) == pytest.approx(20 * np.log10(255 / level))
