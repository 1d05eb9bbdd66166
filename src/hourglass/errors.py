"""What a user can get wrong, and how we say it.

    HourglassError
    |-- BadOption (ValueError)          an option, a name or a value we do not know
    |-- BadData (ValueError)            data that cannot be used as they are
    |   `-- SchemaMismatch              data that do not fit what the model was trained on
    |-- BadType (TypeError)             a sort of object we cannot take
    |-- BadFile (OSError)               a file that cannot be read: missing, damaged, of another format
    |   |-- DamagedFile                 truncated or altered
    |   `-- NewerFile                   written by a later version of hourglass
    |-- CannotWrite (OSError)           a result that cannot be written: exists, no space, no permission
    |-- TrainingFailed (ArithmeticError)  training that met non-finite values and could not be saved
    |-- NotFitted (sklearn NotFittedError)  a method that needs `fit` first
    `-- MissingExtra (ImportError)      an optional dependency that is not installed

Every message says what was given, what is allowed and what to do. The command line turns each into exit code 2 without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.exceptions import NotFittedError

__all__ = [
    "BadData",
    "BadFile",
    "BadOption",
    "BadType",
    "CannotWrite",
    "DamagedFile",
    "HourglassError",
    "MissingExtra",
    "NewerFile",
    "NotFitted",
    "SchemaMismatch",
    "TrainingFailed",
    "did_you_mean",
]


class HourglassError(Exception):
    """Anything a user can mend; its text says how."""


class BadOption(HourglassError, ValueError):
    """An option, a name or a value that hourglass does not know."""


class BadData(HourglassError, ValueError):
    """Data that cannot be used as they are."""


class SchemaMismatch(BadData):
    """Data that do not fit what the model was trained on; the message names the columns."""


class BadType(HourglassError, TypeError):
    """A sort of object that hourglass cannot take."""


class BadFile(HourglassError, OSError):
    """A file that cannot be read: missing, damaged or of another format."""


class DamagedFile(BadFile):
    """A file that was truncated or altered."""


class NewerFile(BadFile):
    """A file written by a later version of hourglass."""


class CannotWrite(HourglassError, OSError):
    """A result that cannot be written: it exists, there is no space, or no permission."""


class TrainingFailed(HourglassError, ArithmeticError):
    """Training that met non-finite values and could not be saved by the usual remedies."""


class MissingExtra(HourglassError, ImportError):
    """An optional dependency that is not installed; the message gives the command that installs it."""


if TYPE_CHECKING:

    class NotFitted(HourglassError, NotFittedError):  # type: ignore[misc]
        """A method that needs `fit` first."""


def __getattr__(name: str) -> Any:
    """Make `NotFitted` when first asked for: its parent lives in scikit-learn, which is slow to import."""
    if name != "NotFitted":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sklearn.exceptions import NotFittedError

    made = type("NotFitted", (HourglassError, NotFittedError), {"__doc__": "A method that needs `fit` first.", "__module__": __name__})
    globals()["NotFitted"] = made
    return made


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The end of an error text: a guess at what was meant, and all that is allowed.

    >>> did_you_mean("gausian", ["plain", "gaussian"])
    "did you mean 'gaussian'? (allowed: gaussian, plain)"
    """
    names = sorted(allowed)
    close = difflib.get_close_matches(given, names, 1)
    listing = f"allowed: {', '.join(names)}" if names else "nothing is allowed here"
    return f"did you mean {close[0]!r}? ({listing})" if close else listing
