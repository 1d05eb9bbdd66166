"""The group of commands: help that loads nothing, guesses at what was meant, flags before and after the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import hourglass
from hourglass.cli import SECTIONS, group
from hourglass.cli._options import Size

COMMANDS = {name: words for section in SECTIONS.values() for name, words in section.items()}
HEAVY = ("torch", "numpy", "sklearn", "scipy", "pyarrow", "PIL", "rich", "pandas", "av", "soundfile", "tifffile")


def test_the_table_tells_what_the_commands_tell() -> None:
    context = click.Context(group)
    short = {name: command.short_help for name in COMMANDS if (command := group.get_command(context, name))}
    assert short == COMMANDS


def test_no_command_is_forgotten() -> None:
    folder = Path(hourglass.__file__).parent / "cli"
    assert {path.stem for path in folder.glob("[a-z]*.py")} == set(COMMANDS)


def test_every_help_loads_nothing_heavy() -> None:
    calls = [[], *([name] for name in COMMANDS)]
    code = f"""
import sys
from hourglass.cli import group  # main ends the process
for words in {calls!r}:
    for flag in ("--help", "-h"):
        sys.argv = ["hourglass", *words, flag]
        try:
            group()
        except SystemExit as end:
            assert not end.code, words
print("LOADED", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.skipif(sys.platform == "win32", reason="the processor time of children is not told there")
def test_help_answers_at_once() -> None:
    import resource

    def used() -> float:
        told = resource.getrusage(resource.RUSAGE_CHILDREN)
        return told.ru_utime + told.ru_stime

    def once() -> float:  # processor time: the clock's would fail on a busy machine
        before = used()
        subprocess.run([sys.executable, "-m", "hourglass", "--help"], capture_output=True, check=True)
        return used() - before

    assert min(once() for _ in range(5)) < 0.2


def test_version(run) -> None:
    assert run("--version").stdout == f"hourglass {hourglass.__version__}\n"


def test_a_command_that_is_not_there(run) -> None:
    result = run("fot", code=2)
    assert "did you mean 'fit'?" in result.stderr
    assert not result.stdout


def test_a_flag_that_is_not_there(run) -> None:
    assert "--epochs" in run("fit", "data.csv", "-o", "m", "--epoch", 3, code=2).stderr


def test_completion_knows_commands_and_flags() -> None:
    def complete(words: str, at: int) -> str:
        asked = {"_HOURGLASS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return CliRunner().invoke(group, [], prog_name="hourglass", env=asked).output

    assert "denoise" in complete("hourglass den", 1)
    assert "--false-alarms" in complete("hourglass detect --fal", 2)


@pytest.mark.parametrize(
    ("text", "size"), [("1.2GB", 1_200_000_000), ("800mb", 800_000_000), ("2GiB", 2 << 30), ("1000", 1000), (" 3 K ", 3000)]
)
def test_sizes(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["much", "1.2.3GB", "GB", "-1GB", ".", "1 XB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no amount of memory"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("before", [True, False])
def test_threads_and_memory_stand_before_or_behind_the_command(run, shelf, monkeypatch, before: bool) -> None:
    import torch

    told = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "HOURGLASS_MEMORY"):
        monkeypatch.setenv(name, "1")
    flags = ("--threads", 3, "--memory", "2GB")
    words = ("info", shelf / "table.hourglass")
    run(*(flags + words if before else words + flags))
    assert told == [3]
    assert (os.environ["OMP_NUM_THREADS"], os.environ["HOURGLASS_MEMORY"]) == ("3", "2000000000")


def test_the_process_ends_with_the_status_and_all_it_said(tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("a,a,b\n" + "1,2,3\n" * 50)
    words = ["-m", "hourglass", "fit", "twice.csv", "-o", "m.hourglass"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "several columns called 'a'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["twice.csv"]
    done = subprocess.run([sys.executable, "-m", "hourglass", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"hourglass {hourglass.__version__}\n"
