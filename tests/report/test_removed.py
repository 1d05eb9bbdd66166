"""What is taken away is judged: a network that removes the noise, one that blurs, one that does nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hourglass.layers.noise import measured
from hourglass.parts import Batch
from hourglass.report import removed as room
from hourglass.report.removed import removed
from hourglass.report.verdicts import verdicts

ROWS = torch.arange(128.0)
SCENE = 0.5 + 0.25 * torch.sin(ROWS[:, None] / 6) * torch.sin(ROWS / 7)
SCENE[32:96, 32:96] = 0.4
NOISE = 0.1 * torch.randn(6, 1, 128, 128, generator=torch.Generator().manual_seed(0))


class Stub:
    """A model of which only the facts are read."""

    code_shape = (1, 8, 8)

    def __init__(self, pictures: Tensor) -> None:
        noise = measured(list(pictures))
        assert noise is not None
        self.facts: dict[str, Any] = {"range": [0.0, 255.0], "noise": noise.told()}


def judged(monkeypatch: pytest.MonkeyPatch, cleaned: Any, pictures: Tensor = SCENE + NOISE) -> dict[str, str]:
    monkeypatch.setattr(room, "clean", lambda model, x: cleaned(x))
    found = removed(Stub(pictures), Batch(pictures))  # type: ignore[arg-type]
    return {verdict.name: verdict.level for verdict in verdicts({"removed": found, "setting": {"purpose": "denoise"}})}


def test_the_noise_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, lambda x: SCENE.expand(x.shape)) == {"noise removed": "good"}


def test_a_blur_takes_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, lambda x: avg_pool2d(x, 25, 1, 12, count_include_pad=False)) == {"detail goes too": "warn"}


def test_a_copy_leaves_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, lambda x: x - 0.2 * (x - SCENE)) == {"noise stays": "warn"}


def test_where_it_cannot_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, lambda x: x, SCENE + 0.01 * NOISE) == {"little noise": "note"}
    shared = SCENE[1:, 1:] + 2 * avg_pool2d(NOISE, 2, 1)
    assert judged(monkeypatch, lambda x: SCENE[1:, 1:].expand(x.shape), shared) == {"noise removed": "good", "shared noise": "note"}
    mixed = SCENE + NOISE * torch.tensor([1, 1, 1, 4, 4, 4.0]).view(6, 1, 1, 1)
    assert "unlike noise" in judged(monkeypatch, lambda x: SCENE.expand(x.shape), mixed)


def test_nothing_is_said_of_other_purposes() -> None:
    assert verdicts({"removed": {"faint": True}, "setting": {"purpose": "embed"}}) == []


def test_the_page_shows_what_was_removed() -> None:
    from hourglass.report.pictures import card_of

    card = card_of(SCENE + NOISE, SCENE.expand(6, 1, 128, 128), "a note", cleaned=True)
    assert all(word in card for word in ("Before and after", "noisy", "cleaned", "removed (x 1.2)"))
