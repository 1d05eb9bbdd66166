"""`hourglass compress --compare`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image


def test_a_table_and_a_picture(
    run: Callable[..., Result], told: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, columns = np.mgrid[:60, :80]
    Image.fromarray((120 + 50 * np.sin(rows / 6) * np.cos(columns / 5)).astype(np.uint8)).save("photo.png")
    said = run("compress", "--compare", "photo.png", "-q", 60, "-o", "seen.png").output
    assert all(word in said for word in ("hourglass, photo-1", "JPEG", "WebP", "SSIM", "seen.png"))
    with Image.open("seen.png") as drawn:
        assert drawn.width > 1000
    assert not (tmp_path / "photo.png.hgz").exists()
    found = told("compress", "--compare", "photo.png", "--bytes", 400)
    assert found["codecs"][0]["bytes"] <= 400
    run("compress", "--compare", "photo.png", "-o", "seen.png", code=2)
    run("compress", "--compare", "photo.png", "-o", "seen.hgz", code=2)
    assert "one picture" in run("compress", "--compare", "photo.png", "photo.png", code=2).stderr


def test_other_models_cannot_be_compared(run: Callable[..., Result], shelf: Path) -> None:
    asked = run("compress", "--compare", shelf / "pictures" / "5.png", "-m", shelf / "image.hourglass", code=2)
    assert "picture codecs" in asked.stderr
