"""Writing a file whole or not at all, for every room that leaves a result on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from hourglass.errors import CannotWrite, HourglassError

__all__ = ["atomic"]

Pathlike = str | os.PathLike[str]


@contextlib.contextmanager
def atomic(path: Pathlike, *, force: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` at the end, or is removed at any error.

    Without `force` an existing file is refused. What goes wrong in writing raises `CannotWrite`, which says what to do.
    """
    goal = Path(os.path.realpath(path))
    if os.path.isdir(goal):  # pathlib's own questions raise for names that are too long
        raise CannotWrite(f"cannot write {path}: a folder of this name is in the way; choose another name")
    if os.path.exists(goal) and not force:
        raise CannotWrite(f"{path} exists already; choose another name, or say force (--force) to replace it")
    special = os.path.exists(goal) and not os.path.isfile(goal)  # such as /dev/null, which must not be replaced
    temporary = goal if special else goal.with_name(f".{goal.stem[:40]}.{secrets.token_hex(4)}{goal.suffix}")
    try:
        yield temporary
        if not special:
            _settle(temporary, goal)
    except HourglassError:
        raise
    except OSError as trouble:
        raise CannotWrite(f"cannot write {path}: {_advice(trouble, goal)}") from trouble
    finally:
        if not special:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _settle(temporary: Path, goal: Path) -> None:
    """Bring a finished file to the disk, then to its name: after a power cut there is the old file or the new one, whole."""
    with open(temporary, "rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, goal)
    if os.name == "posix":
        with contextlib.suppress(OSError):
            folder = os.open(goal.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _advice(trouble: OSError, goal: Path) -> str:
    """What to do about an error in writing."""
    advice = {
        errno.ENOSPC: "no space is left on the disk; free some, or write to another one",
        errno.EDQUOT: "your disk quota is used up; free some space, or write to another disk",
        errno.EACCES: f"no permission in {goal.parent}; choose a folder that is yours",
        errno.EPERM: f"no permission in {goal.parent}; choose a folder that is yours",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.ENOENT: f"the folder {goal.parent} does not exist; make it first",
        errno.ENOTDIR: f"{goal.parent} is a file, not a folder; choose another name",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    }
    if trouble.errno == errno.ENOENT and goal.parent.is_dir():  # another file is missing, one that was read
        return str(trouble)
    return advice.get(trouble.errno or 0, str(trouble))
