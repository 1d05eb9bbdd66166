"""Turns: each value is sent once, and is told by those sent before it alone."""

from __future__ import annotations

import torch

from hourglass.layers.turns import PHASES, TURNS, Turns, group

UNITS, SIDE = 8, 6


def sent() -> torch.Tensor:
    """In which turn each value (UNITS, SIDE, SIDE) is sent; -1 if in none."""
    found = torch.full((UNITS, SIDE, SIDE), -1)
    for turn in range(TURNS):
        for phase, (down, right) in enumerate(PHASES):
            assert bool((found[group(turn, phase) :: TURNS, down::2, right::2] == -1).all())
            found[group(turn, phase) :: TURNS, down::2, right::2] = turn
    return found


def made(seed: int) -> tuple[Turns, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    turns = Turns(UNITS, 12)
    for weight in turns.parameters():
        torch.nn.init.normal_(weight, 0, 0.2)
    return turns, torch.randn(1, 2 * UNITS, SIDE, SIDE), 4 * torch.randn(1, UNITS, SIDE, SIDE)


def test_every_value_is_sent_once_a_quarter_in_each_turn() -> None:
    assert sent().flatten().bincount().tolist() == [UNITS * SIDE * SIDE // TURNS] * TURNS


def test_what_is_told_depends_on_earlier_turns_alone() -> None:
    turns, told, code = made(0)
    when = sent()
    plain = turns(told, code, torch.round)
    for turn in range(TURNS):
        changed = turns(told, torch.where(when == turn, code + 7, code), torch.round)
        same = (changed == plain)[0].reshape(2, UNITS, SIDE, SIDE).all(0)
        assert bool(same[when <= turn].all())
        assert turn == TURNS - 1 or not bool(same[when > turn].any())


def test_before_training_the_hyper_code_says_it_all() -> None:
    _, told, code = made(0)
    assert torch.equal(Turns(UNITS, 12)(told, code, torch.round), told)
