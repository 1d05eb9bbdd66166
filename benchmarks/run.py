"""Run the comparisons and write their tables into docs/benchmarks.md, between its markers.

    python benchmarks/run.py [--data DIR] [--quick] [--only NAME]

NAME is that of a script beside this one. `--data` is a folder of data sets as docs/benchmarks.md describes it; what is absent is left out
or replaced by made-up rows.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
SCRIPTS = ("speed", "bigger", "quality", "detect", "trouble", "stacked", "kinds", "sensors", "photos", "domain")
SCRIPTS += ("denoising", "noisy", "missing", "surfaces", "hiss", "contaminated", "stream", "transfer", "search")
PACKAGES = ("torch", "pyod", "scikit-learn", "numpy", "pyarrow")


def main() -> None:
    """Run what was asked for and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared if shared.is_dir() else None)
    parser.add_argument("--only", choices=SCRIPTS)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data; the page is not written")
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    for name in [given.only] if given.only else SCRIPTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        text = f"{command(name)}\n\n{machine()}\n\n{tables(name, given.data, given.quick)}"
        print(text)
        if not given.quick:
            PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def tables(name: str, data: Path | None, quick: bool) -> str:
    """The tables of one script, as Markdown."""
    script = importlib.import_module(name)
    if name == "trouble":  # the two that look at no data of others
        found = {str(script.table.__doc__): script.table()}
    elif name == "bigger":
        found = {str(script.main.__doc__): script.main(quick)}
    else:
        found = script.main(data, quick)
    return "\n\n".join(f"**{' '.join(title.split())}**\n\n{table(rows)}" for title, rows in found.items() if rows)


def command(name: str) -> str:
    """How to make these tables."""
    return f"Made by `python benchmarks/run.py --data DIR --only {name}`."


def machine() -> str:
    """The processor in words, the versions, the day."""
    import torch

    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    bfloat16 = ", bfloat16 matrix units" if getattr(torch.cpu, "_is_amx_tile_supported", bool)() else ""
    return (
        f"{platform.machine()} with {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}{bfloat16}; Python "
        f"{platform.python_version()}, {versions}; {datetime.date.today()}."
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---" if isinstance(rows[0].get(name), str) else "---:" for name in names]]
    lines += [[cell(row.get(name, "")) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    """A number with three digits that count."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def placed(page: str, name: str, text: str) -> str:
    """The page with the text between the markers of `name`."""
    begin, end = f"<!-- {name}: written by benchmarks/run.py -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE} has no place for {name}; it needs the lines {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


if __name__ == "__main__":
    main()
