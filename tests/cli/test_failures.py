"""What goes wrong becomes one message and the right exit status."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import pytest

from hourglass import errors
from hourglass.cli._failures import status


def failing(trouble: BaseException, capsys, words: tuple[str, ...] = ()) -> tuple[int, str, str]:
    def run() -> None:
        raise trouble

    code = status(run, words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name[0].isupper()])
def test_what_a_user_can_mend_ends_with_two(name: str, capsys) -> None:
    assert failing(getattr(errors, name)("say this"), capsys) == (2, "", "error: say this\n")


def test_our_fault_ends_with_one_and_says_so(capsys, monkeypatch) -> None:
    monkeypatch.delenv("HOURGLASS_DEBUG", raising=False)
    code, out, err = failing(ZeroDivisionError("oh"), capsys)
    assert (code, out) == (1, "")
    assert "our fault" in err
    assert "HOURGLASS_DEBUG=1" in err
    assert err.count("\n") == 1


def test_debugging_shows_where(capsys, monkeypatch) -> None:
    monkeypatch.setenv("HOURGLASS_DEBUG", "1")
    assert "Traceback" in failing(ZeroDivisionError("oh"), capsys)[2]
    assert "Traceback" in failing(errors.BadData("oh"), capsys)[2]


@pytest.mark.parametrize(
    ("trouble", "code", "kind"),
    [(errors.SchemaMismatch("no column x"), 2, "SchemaMismatch"), (RuntimeError("no column x"), 1, "RuntimeError")],
)
def test_errors_as_json(trouble: Exception, code: int, kind: str, capsys) -> None:
    found, out, err = failing(trouble, capsys, ("fit", "--json"))
    answer = json.loads(out)
    assert (found, err, answer["kind"]) == (code, "", kind)
    assert "no column x" in answer["error"]


def test_usage_errors_as_json(told) -> None:
    assert told("fit", "data.csv", code=2)["kind"] == "MissingParameter"


def test_being_stopped(capsys) -> None:
    assert failing(KeyboardInterrupt(), capsys) == (130, "", "stopped\n")


@pytest.mark.parametrize("trouble", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")])
def test_too_little_memory_says_what_to_do(trouble: Exception, capsys) -> None:
    code, _, err = failing(trouble, capsys)
    assert code == 2
    assert "--batch-size" in err


def test_the_system_names_the_file(capsys) -> None:
    assert failing(PermissionError(13, "Permission denied", "secret.csv"), capsys) == (2, "", "error: Permission denied: secret.csv\n")


def test_warnings_are_one_line_and_programmers_warnings_none(capsys) -> None:
    def run() -> int:
        warnings.warn("two pictures are left out", UserWarning, stacklevel=1)
        warnings.warn("this will go", FutureWarning, stacklevel=1)
        return 0

    assert status(run, ()) == 0
    assert capsys.readouterr().err == "warning: two pictures are left out\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_goes_away_is_no_error(shelf) -> None:
    words = [sys.executable, "-m", "hourglass", "generate", str(shelf / "table.hourglass"), "-n", "20000", "-o", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
