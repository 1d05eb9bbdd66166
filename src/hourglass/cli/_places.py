"""Where results go, for every command: the rules stand here once, and collisions are found before any work starts.

-o NAME.suffix   one input, one file; the suffix chooses the format
-o DIR           exists as a folder, ends in "/", or there are several inputs or a folder: every result under its input's name
nothing          beside the input
-                standard input or output
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from hourglass.errors import BadFile, BadOption, CannotWrite, did_you_mean

__all__ = [
    "PICTURES",
    "TABLES",
    "Place",
    "beside",
    "file",
    "finish",
    "folder",
    "free",
    "is_folder",
    "known",
    "make",
    "missing",
    "numbered",
    "place_each",
    "ready",
    "source",
    "write_bytes",
]

TABLES = (".csv", ".csv.gz", ".parquet", ".npz", ".npy", ".json", ".jsonl")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".avif", ".npz", ".npy")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".y4m", ".gif", ".npy", ".npz")
TEXTS = (".txt", ".csv", ".parquet", ".json")
WRITTEN = {"table": TABLES, "series": TABLES, "image": PICTURES, "audio": SOUNDS, "video": VIDEOS, "text": TEXTS}
EVERY = tuple(dict.fromkeys(suffix for suffixes in WRITTEN.values() for suffix in suffixes))
TABLE = "table.csv"
TABULAR = ("table", "series")  # kinds of which several samples make one table
MAGIC = {b"PAR1": ".parquet", b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"\x1f\x8b": ".csv.gz", b"PK\x03\x04": ".npz"}


class Place(NamedTuple):
    """An input file and where its result goes."""

    source: Path
    target: Path


def source(inputs: Sequence[str]) -> str | list[str]:
    """What a kind reads: the one input or the list of them; `-` is standard input, copied to a temporary file."""
    found = [_standard_input() if item == "-" else item for item in inputs]
    for item in found:
        missing(item)
    return found[0] if len(found) == 1 else found


def missing(item: str) -> None:
    """Refuse an input that is not there, with a guess at what was meant; globs and `file.npz:name` are the kinds' to judge."""
    path = Path(item)
    if path.exists() or any(sign in item for sign in "*?[") or ".npz:" in item:
        return
    near = os.listdir(path.parent)[:500] if path.parent.is_dir() else []
    whole = f"{path.name}.hourglass"
    guess = f"did you mean {whole!r}?" if whole in near else did_you_mean(path.name, near).partition(" (")[0]
    raise BadFile(f"there is no file or folder {item!r}" + (f"; {guess}" if guess.startswith("did") else ""))


def _standard_input() -> str:
    """Standard input as a file; its first bytes tell whether it is anything else than CSV."""
    home = click.get_current_context().with_resource(tempfile.TemporaryDirectory(prefix="hourglass-"))
    stream = sys.stdin.buffer
    head = stream.read(8)
    ending = next((suffix for magic, suffix in MAGIC.items() if head.startswith(magic)), ".csv")
    path = Path(home) / f"standard-input{ending}"
    with path.open("wb") as copy:
        copy.write(head)
        while piece := stream.read(1 << 20):
            copy.write(piece)
    if not head:
        raise BadFile("standard input is empty; pipe a CSV file into the command")
    return str(path)


def is_folder(output: str, several: bool = False) -> bool:
    """Whether `-o OUTPUT` means a folder; a name with a suffix that we write stays one file."""
    if output.endswith(("/", os.sep)) or Path(output).is_dir():
        return True
    return several and not output.lower().endswith(EVERY)


def free(path: Path, force: bool) -> Path:
    """Refuse a result that exists, or whose folder does not, before any work is done."""
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder; name a file, or end it with / where a folder is meant")
    if path.exists() and not force:
        raise CannotWrite(f"{path} exists already; choose another name, or --force to replace it")
    parent = path.parent
    if not parent.is_dir():
        raise CannotWrite(f"cannot write {path}: the folder {parent} does not exist; make it first")
    if not os.access(parent, os.W_OK):
        raise CannotWrite(f"cannot write {path}: no permission in {parent}; choose a folder that is yours")
    return path


def file(output: str, force: bool, suffixes: Sequence[str] = ()) -> Path:
    """One result file; `-` for standard output is a temporary CSV that `finish` prints."""
    if output == "-":
        context = click.get_current_context()
        context.meta["hourglass.stdout"] = True
        return Path(context.with_resource(tempfile.TemporaryDirectory(prefix="hourglass-"))) / "standard-output.csv"
    if suffixes:
        known(output, suffixes)
    return free(Path(output), force)


def known(output: str, suffixes: Sequence[str]) -> None:
    """Refuse a suffix in which this result cannot be written."""
    if output != "-" and suffixes and not output.lower().endswith(tuple(suffixes)):
        raise BadOption(f"-o {output}: a result like this is written as {' '.join(suffixes)}; give the file one of these suffixes")
    if output == "-" and ".csv" not in suffixes:
        raise BadOption("-o -: only tables go to standard output, as CSV; name a file or a folder")


def numbered(output: str, kind: str, force: bool) -> Path:
    """A folder for results that are numbered by their order; what makes one table goes into it as one file."""
    if kind in TABULAR:
        return folder(output, [TABLE], force) / TABLE
    inside = Path(output).iterdir() if Path(output).is_dir() else ()
    return folder(output, [path.name for path in inside if path.stem.isdigit()], force)


def ready(target: Path, into_folder: bool) -> str:
    """The target as text for a kind to write to; its folder is made."""
    one_file = target.name == TABLE or not into_folder
    if into_folder:
        make(target.parent if one_file else target)
    return str(target) if one_file else f"{target}/"


def write_bytes(target: Path, data: bytes) -> None:
    """Bytes to a file, whole or not at all."""
    from hourglass.writing import atomic

    with atomic(target) as temporary:
        temporary.write_bytes(data)


def finish(path: Path) -> None:
    """Print what was meant for standard output."""
    if path.name == "standard-output.csv" and click.get_current_context().meta.get("hourglass.stdout"):
        with path.open("rb") as made:
            while piece := made.read(1 << 20):
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def folder(output: str, names: Iterable[str | Path], force: bool) -> Path:
    """A folder for several results; `names` are the results in it, relative, none of which may exist. It is not made yet."""
    home = Path(output)
    above = home if home.exists() else home.parent
    if home.exists() and not home.is_dir():
        raise CannotWrite(f"{output} is a file, not a folder; choose another name")
    if not above.is_dir():
        raise CannotWrite(f"cannot make the folder {home}: {above} does not exist; make it first")
    if not os.access(above, os.W_OK):
        raise CannotWrite(f"cannot write into {above}: no permission; choose a folder that is yours")
    taken = [name for name in names if (home / name).exists()]
    if taken and not force:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise CannotWrite(f"{home / taken[0]}{more} exists already; choose another folder, or --force to replace it")
    return home


def make(home: Path) -> None:
    """Make a folder, when the work is about to start."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise CannotWrite(f"cannot make the folder {home}: {trouble.strerror}") from trouble


def files_in(item: str, wanted: Callable[[Path], bool]) -> list[tuple[Path, Path]]:
    """The files of an input, each with its path relative to the input; of a folder those that are `wanted`, sorted."""
    path = Path(item)
    if not path.is_dir():
        missing(item)
        return [(path, Path(path.name))]
    inside = [found for found in sorted(path.rglob("*")) if found.is_file() and not any(p.startswith(".") for p in found.parts[-2:])]
    found = [(each, each.relative_to(path)) for each in inside if wanted(each)]
    if not found:
        raise BadFile(f"the folder {item} holds no file that this command takes")
    return found


def place_each(
    inputs: Sequence[str],
    output: str | None,
    wanted: Callable[[Path], bool],
    *,
    beside: Callable[[Path], Path],
    inside: Callable[[Path], Path] = lambda path: path,
    force: bool = False,
) -> list[Place]:
    """For commands that treat each file by itself: the place of every result.

    `beside` makes a result's path from its input's, `inside` its path in a folder from the input's relative path.
    """
    several = len(inputs) > 1 or any(Path(item).is_dir() for item in inputs)
    found = [pair for item in inputs for pair in files_in(item, wanted)]
    if output is None:
        places = [Place(path, beside(path)) for path, _ in found]
        _distinct(places)
        return [Place(path, free(target, force)) for path, target in places]
    if not is_folder(output) and not several:
        return [Place(found[0][0], free(Path(output), force))]
    if not is_folder(output) and output.lower().endswith((".hgz", *EVERY)):
        raise BadOption(f"-o {output}: several inputs need a folder; write -o {Path(output).stem}/")
    names = [inside(relative) for _, relative in found]
    places = [Place(path, Path(output) / name) for (path, _), name in zip(found, names, strict=True)]
    _distinct(places)
    folder(output, names, force)
    return places


def _distinct(places: Sequence[Place]) -> None:
    """Refuse two results of one name."""
    seen: dict[Path, Path] = {}
    for path, target in places:
        if target in seen:
            raise BadOption(f"{seen[target]} and {path} would both be written to {target}; treat them one after the other")
        seen[target] = path


def beside(item: str, word: str, suffix: str = "") -> str:
    """A result's name beside its input: `photo.jpg` -> `photo.denoised.jpg`, a folder `DIR` -> `DIR.denoised/`."""
    path = Path(item.rstrip("/"))
    if path.is_dir():
        return str(path.with_name(f"{path.name}.{word}{suffix}")) + ("" if suffix else "/")
    ending = next((end for end in (".csv.gz", ".tsv.gz") if path.name.lower().endswith(end)), path.suffix)
    return str(path.with_name(f"{path.name[: len(path.name) - len(ending)]}.{word}{suffix or ending}"))
