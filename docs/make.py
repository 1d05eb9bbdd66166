"""Remake docs/help.md, the real `--help` of every command; with `--check`, say whether the committed one is out of date."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

PAGE = Path(__file__).parent / "help.md"
HEAD = """# Every command

What `hourglass COMMAND --help` prints. This page is made by `make docs`; change the commands, not the page.
"""


def group() -> click.Group:
    """The click group behind the command `hourglass`."""
    import hourglass.cli

    found = list({id(value): value for value in vars(hourglass.cli).values() if isinstance(value, click.Group)}.values())
    if len(found) != 1:
        raise SystemExit(f"hourglass.cli should hold one click group; it holds {len(found)}")
    return found[0]


def walk(command: click.Command, name: str = "hourglass") -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, each with the words that call it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from walk(below, f"{name} {word}")


def help_of(words: str) -> str:
    """What `WORDS --help` prints, at a fixed width."""
    program, *rest = words.split()
    result = CliRunner().invoke(group(), [*rest, "--help"], prog_name=program, terminal_width=110, max_content_width=110)
    if result.exit_code:
        raise SystemExit(f"{words} --help failed:\n{result.output}\n{result.exception!r}")
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


def page() -> str:
    """The whole page."""
    sections = [f"## {words}\n\n```text\n{help_of(words)}\n```\n" for words, _ in walk(group())]
    return "\n".join([HEAD, *sections])


def main(arguments: list[str]) -> int:
    """Write the page, or compare with it."""
    made = page()
    if "--check" not in arguments:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    committed = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    difference = difflib.unified_diff(committed.splitlines(), made.splitlines(), "docs/help.md", "hourglass --help", lineterm="", n=1)
    lines = list(difference)
    if lines:
        print(*lines, "docs/help.md is out of date; run: make docs", sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
