"""The command line: `main`, and the group that loads a command only when it is called.

The table below is all that `hourglass --help` needs, so that it answers at once: no command's module, and nothing heavy, is imported.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
from typing import Any

import click

from hourglass import __version__
from hourglass.cli import _failures
from hourglass.cli._options import memory, threads
from hourglass.errors import did_you_mean

__all__ = ["SECTIONS", "group", "main"]

SECTIONS = {
    "Train": {
        "fit": "Train an autoencoder on your data and save it.",
        "search": "Look for better settings than the recipe's.",
        "report": "Say honestly whether a model learned something.",
        "info": "Tell what a model or a compressed file is.",
    },
    "Use": {
        "detect": "Find the rows or pictures that are out of the ordinary.",
        "compress": "Make files small.",
        "decompress": "Bring compressed files back.",
        "denoise": "Take the noise out of pictures, sound or tables.",
        "label": "Teach a model what few labelled rows or pictures are.",
        "predict": "Say what rows or pictures are, by a classifier.",
        "generate": "Invent new data like the training data.",
        "encode": "Write the code of every row or picture.",
        "decode": "Bring codes back to rows or pictures.",
        "reconstruct": "Write the data as the network gives them back.",
    },
    "See": {"demo": "Show on bundled data what hourglass does."},
}
EPILOG = """\b
Two commands to begin with:
  hourglass fit transactions.csv -o shop.hourglass --purpose detect
  hourglass detect shop.hourglass new.csv

\b
Completion of commands and flags with the tab key, for this shell session:
  bash: eval "$(_HOURGLASS_COMPLETE=bash_source hourglass)"
  zsh:  eval "$(_HOURGLASS_COMPLETE=zsh_source hourglass)"
  fish: _HOURGLASS_COMPLETE=fish_source hourglass | source

A command ends with 0, with 1 when the fault is ours, with 2 when you can mend it."""


class Commands(click.Group):
    """A group whose commands are the modules of this folder, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"hourglass.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a guess at what was meant."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"there is no command {name!r}: {did_you_mean(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing a command."""
        width = max(map(len, self.list_commands(ctx)))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), help_text) for name, help_text in commands.items()])

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command; what goes wrong becomes a message and an exit status."""
        words = list(sys.argv[1:] if args is None else args)
        if not extra.pop("standalone_mode", True):
            return super().main(words, prog_name, standalone_mode=False, **extra)
        sys.exit(_failures.status(lambda: super(Commands, self).main(words, prog_name, standalone_mode=False, **extra), words))


@click.group(
    "hourglass",
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@threads
@memory
@click.version_option(__version__, message="hourglass %(version)s")
def group() -> None:
    """Autoencoders for people who have data and no labels.

    Point it at a table or a folder of pictures: it trains a network that suits them, saves it as one file, uses it, and says honestly
    whether it learned anything.
    """


def main() -> None:
    """What the command `hourglass` runs; ends the process.

    Once all is written and cleaned up, the process ends at once: pyarrow's reading threads may still be about when Python is taken down,
    which then aborts the process in one of six runs that fail right after reading a table.
    """
    status: object = 0
    try:
        group()
    except SystemExit as over:
        status = over.code
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)
