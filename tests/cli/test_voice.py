"""How commands look: without colours and steering signs where nobody looks at a terminal."""

from __future__ import annotations

import click

from hourglass.cli import _voice


def printed(capsys, *row: str) -> str:
    with click.Context(click.Command("x")):
        _voice.show("Title", ("name", "value"), [row], right=("value",))
    return str(capsys.readouterr().out)


def test_tables_are_plain_text_in_a_pipe(capsys) -> None:
    out = printed(capsys, "a", "1")
    assert "\x1b" not in out
    assert "Title" in out.splitlines()[0]


def test_a_users_text_steers_nothing(capsys) -> None:
    out = printed(capsys, "[red]x[/red]\x1b[2J\nsecond", "1")
    assert "[red]x[/red]?[2J?second" in out
    assert "\x1b" not in out


def test_long_text_is_folded_not_lost(capsys) -> None:
    text = "".join(str(i % 10) for i in range(300))
    out = printed(capsys, text, "1")
    assert "".join(sign for sign in out if sign.isdigit()).count("0123456789") >= 20
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= _voice.WIDTH
