"""Flags and arguments that several commands share, so that they are called and explained alike."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["data", "everywhere", "force", "memory", "model", "output", "says", "threads"]

Function = TypeVar("Function", bound=Callable[..., Any])
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


class Size(click.ParamType[int]):
    """An amount of memory, such as 1.2GB, 800MB, 2GiB or a number of bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?I?)B?\s*", str(value).upper())
        if not found or found[1].count(".") > 1 or found[2] not in UNITS or not found[1].strip("."):
            self.fail(f"{value!r} is no amount of memory; write it as 1.2GB, 800MB or 2GiB", param, ctx)
        return int(float(found[1]) * UNITS[found[2]])


def _set_threads(ctx: click.Context, param: click.Parameter, count: int | None) -> None:
    """Before anything that computes is imported; afterwards (in tests, in notebooks) torch is told directly."""
    if count is not None:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(count)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(count)


def _set_memory(ctx: click.Context, param: click.Parameter, size: int | None) -> None:
    if size is not None:
        os.environ["HOURGLASS_MEMORY"] = str(size)


def says(name: str) -> bool:
    """Whether the flag `json` or `quiet` was given to the running command."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(f"hourglass.{name}"))


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[f"hourglass.{param.name}"] = value


threads = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    is_eager=True,
    expose_value=False,
    callback=_set_threads,
    help="Compute with so many threads.",
)
memory = click.option(
    "--memory",
    type=Size(),
    metavar="SIZE",
    is_eager=True,
    expose_value=False,
    callback=_set_memory,
    help="Use at most about this much memory for data, such as 1.2GB.",
)
_json = click.option(
    "--json", is_flag=True, is_eager=True, expose_value=False, callback=_note, help="Print one JSON object and nothing else."
)
_quiet = click.option("--quiet", is_flag=True, is_eager=True, expose_value=False, callback=_note, help="Print nothing but errors.")
force = click.option("--force", is_flag=True, help="Replace files that exist.")


def everywhere(function: Function) -> Function:
    """The flags that every command has."""
    for option in (memory, threads, _json, _quiet):
        function = option(function)
    return function


def output(help_text: str, required: bool = False) -> Callable[[Function], Function]:
    """`-o`, where the result goes."""
    return click.option("-o", "--output", metavar="OUT", required=required, help=help_text)


model = click.argument("model", type=click.Path(), metavar="MODEL")
data = click.argument("data", type=click.Path(), nargs=-1, required=True, metavar="DATA...")
