"""What happens when a command fails: one message, the right exit status, no traceback for a user's mistake."""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from hourglass.errors import HourglassError

__all__ = ["status"]

OURS, YOURS, STOPPED = 1, 2, 130
MEMORY = "the memory does not suffice; give a smaller --batch-size or --memory, or close other programs"


def status(run: Callable[[], Any], words: Sequence[str]) -> int:
    """Run and give the exit status; `words` are the command line, in which `--json` asks for errors as JSON on standard output."""
    try:
        with _plain_warnings():
            code = run()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return STOPPED
    except BrokenPipeError:
        return _closed()
    except click.ClickException as trouble:
        if "--json" not in words:
            trouble.show()
        return _told("", trouble, words, text=trouble.format_message()) or trouble.exit_code
    except HourglassError as trouble:
        return _told(f"error: {trouble}", trouble, words) or YOURS
    except MemoryError as trouble:
        return _told(f"error: {MEMORY}", trouble, words, text=MEMORY) or YOURS
    except OSError as trouble:
        text = f"{trouble.strerror or trouble}" + (f": {trouble.filename}" if trouble.filename else "")
        return _told(f"error: {text}", trouble, words, text=text) or YOURS
    except Exception as trouble:
        return _ours(trouble, words)


def _told(message: str, trouble: BaseException, words: Sequence[str], text: str | None = None) -> int:
    """Tell it; always 0, so that the status stands behind `or`."""
    if "--json" in words:
        click.echo(json.dumps({"error": str(trouble) if text is None else text, "kind": type(trouble).__name__}))
    elif message:
        click.echo(message, err=True)
    if os.environ.get("HOURGLASS_DEBUG"):
        traceback.print_exception(trouble)
    return 0


def _ours(trouble: Exception, words: Sequence[str]) -> int:
    """A mistake of the program."""
    if "allocate memory" in str(trouble):  # torch's way to say it
        return _told(f"error: {MEMORY}", trouble, words, text=MEMORY) or YOURS
    hint = "" if os.environ.get("HOURGLASS_DEBUG") else "; HOURGLASS_DEBUG=1 shows where, for a report to the makers"
    text = f"this is our fault, not yours: {type(trouble).__name__}: {trouble}{hint}"
    return _told(f"error: {text}", trouble, words, text=text) or OURS


def _closed() -> int:
    """Nobody reads our output any more (`| head`): end quietly, also when Python flushes at exit."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    return OURS


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings meant for the user as one line each, told once; those meant for programmers are left out."""
    told = set[str]()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if category is UserWarning and str(message) not in told:
            told.add(str(message))
            click.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        if not os.environ.get("HOURGLASS_DEBUG"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show
        yield
