"""`hourglass fit`: flags become settings, mistakes are found before the work, a killed training goes on."""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

import hourglass
from hourglass import Autoencoder
from hourglass.cli import group
from hourglass.cli.fit import _make
from hourglass.files import inspect as look
from hourglass.uses.compress import fingerprint


@pytest.fixture
def fit_command() -> click.Command:
    command = group.get_command(click.Context(group), "fit")
    assert command
    return command


@pytest.fixture
def no_work(monkeypatch) -> None:
    """Anything slow is an error."""

    def fit(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr(Autoencoder, "fit", fit)


def test_every_setting_is_a_flag(fit_command) -> None:
    settings = set(inspect.signature(Autoencoder.__init__).parameters) - {"self", "verbose"}
    flags = {parameter.name: parameter.opts[-1] for parameter in fit_command.params}
    assert settings <= set(flags)
    assert flags.pop("random_state") == "--seed"
    assert all(flags[name] == f"--{name.replace('_', '-')}" for name in settings - {"random_state"})


def test_flags_become_settings(fit_command) -> None:
    words = "data.csv -o m --network dense:widths=[8] --code-size 3 --members auto --learning-rate 0.01 --false-alarms 0.2 --seed 7"
    columns = "--kind table:limit=9 --label y --ignore a --ignore b,c --time t --group g --strict --stacked"
    with click.Context(group), fit_command.make_context("fit", [*words.split(), *columns.split()]) as context:
        given = {name: value for name, value in context.params.items() if name not in ("data", "output", "page", "fresh", "force")}
        model = _make(given)
    assert (model.network, model.code_size, model.members, model.learning_rate) == ("dense:widths=[8]", 3, "auto", 0.01)
    assert (model.false_alarms, model.random_state, model.stacked, model.epochs) == (0.2, 7, True, "auto")
    assert model.kind.options == {"limit": 9, "label": "y", "ignore": ["a", "b,c"], "time": "t", "group": "g", "strict": True}


def test_a_model_file_is_made_and_tells_of_itself(run, shelf, tmp_path) -> None:
    result = run("fit", shelf / "train.csv", "-o", tmp_path / "m", "--ignore", "fraud", "--epochs", 2, "-r", tmp_path / "m.html")
    assert f"will be called {tmp_path / 'm.hourglass'}" in result.stdout
    assert "learn" in result.stdout
    assert "<html" in (tmp_path / "m.html").read_text(encoding="utf-8")
    told = look(tmp_path / "m.hourglass")
    assert told["record"]["report"]
    assert told["settings"]["epochs"] == 2
    assert [column["name"] for column in told["facts"]["columns"]] == ["amount", "hour", "shop"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.hourglass", "m.html"]


def test_the_answer_for_machines(told, shelf, tmp_path) -> None:
    answer = told("fit", shelf / "train.csv", "-o", tmp_path / "m.hourglass", "--epochs", 1, "--code-size", 2)
    assert (answer["model"], answer["code_size"], answer["epochs"], answer["kind"]) == (str(tmp_path / "m.hourglass"), 2, 1, "table")
    assert answer["verdicts"][0].keys() == {"name", "level", "sentence", "advice"}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train.csv", "-o", "taken.hourglass"], "taken.hourglass exists already"),
        (["train.csv", "-o", "taken"], "taken.hourglass exists already"),
        (["train.csv", "-o", "nowhere/m"], "nowhere does not exist"),
        (["train.csv", "-o", "m.pt"], "write -o m.hourglass"),
        (["train.csv", "-o", "folder/"], "is a folder"),
        (["train.csv", "-o", "m", "-r", "taken.html"], "taken.html exists already"),
        (["train.csv", "-o", "m", "-r", "report.pdf"], "written as .html"),
        (["trian.csv", "-o", "m"], "did you mean 'train.csv'"),
        (["train.csv", "-o", "m", "--code-size", "few"], "'few' is no whole number"),
    ],
)
def test_mistakes_are_found_before_the_work(words, message, run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "taken.hourglass", "taken.html"):
        Path(name).write_text("x\n1\n")
    assert message in run("fit", *words, code=2).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken.hourglass", "taken.html", "train.csv"]


def test_force_replaces(run, shelf, tmp_path) -> None:
    (tmp_path / "m.hourglass").write_text("old")
    run("fit", shelf / "train.csv", "-o", tmp_path / "m", "--epochs", 1, "--force")
    assert look(tmp_path / "m.hourglass")["settings"]["epochs"] == 1


@pytest.mark.parametrize(
    ("words", "message"), [(["--purpose", "detekt"], "did you mean 'detect'"), (["--network", "dens"], "did you mean 'dense'")]
)
def test_unknown_names_are_guessed(words, message, run, shelf, tmp_path) -> None:
    assert message in run("fit", shelf / "train.csv", "-o", tmp_path / "m", *words, code=2).stderr
    assert not list(tmp_path.iterdir())


def test_standard_input(run, shelf, tmp_path) -> None:
    run("fit", "-", "-o", tmp_path / "m", "--epochs", 1, input=(shelf / "train.csv").read_bytes())
    assert look(tmp_path / "m.hourglass")["record"]["samples"] == 300


def test_ctrl_c_after_training_keeps_the_model(run, shelf, tmp_path, monkeypatch) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, "report", interrupted)
    assert "report was left out" in run("fit", shelf / "train.csv", "-o", tmp_path / "m", "--epochs", 1).stdout
    assert hourglass.load(tmp_path / "m.hourglass")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_training_goes_on(run, tmp_path) -> None:
    at = np.random.default_rng(0).uniform(-1, 1, 20_000)  # a curve, which takes long to learn: else training would end before it is killed
    pd.DataFrame({name: np.sin((2 + turn) * at) for turn, name in enumerate("abcdefgh")}).to_csv(tmp_path / "rows.csv", index=False)
    words = ["fit", tmp_path / "rows.csv", "-o", tmp_path / "m.hourglass", "--epochs", "60", "--seed", "0", "--batch-size", "64"]
    words += ["--code-size", "1"]
    checkpoint = tmp_path / "m.hourglass.part"
    with subprocess.Popen([sys.executable, "-m", "hourglass", *map(str, words)], stdout=subprocess.PIPE) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "m.hourglass").exists()
    result = run(*words, "--threads", 1)
    assert "going on from the checkpoint" in result.stdout
    assert "begins anew" not in result.stderr
    record = look(tmp_path / "m.hourglass")["record"]
    assert record["epochs"] <= 60
    assert not checkpoint.exists()


def test_fresh_ignores_a_checkpoint(run, shelf, tmp_path) -> None:
    (tmp_path / "m.hourglass.part").write_text("of another training")
    result = run("fit", shelf / "train.csv", "-o", tmp_path / "m", "--epochs", 1, "--fresh")
    assert "checkpoint" not in result.output


def test_quiet_says_nothing(run, shelf, tmp_path) -> None:
    result = run("fit", shelf / "train.csv", "-o", tmp_path / "m.hourglass", "--epochs", 1, "--quiet", "--label", "fraud")
    assert not result.stdout


def test_json_is_one_object_even_when_it_fails(run, shelf) -> None:
    result = run("fit", shelf / "train.csv", "-o", shelf / "table", "--json", code=2)
    assert json.loads(result.stdout)["kind"] == "CannotWrite"
    assert not result.stderr


def test_the_same_command_makes_the_same_model(tmp_path, monkeypatch) -> None:
    """Else a training that was killed could not go on when the command is given again without a seed."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    pd.DataFrame(draw.normal(size=(80, 4))).to_csv("table.csv", index=False)
    digests = []
    for name in ("one", "two"):
        group.main(["fit", "table.csv", "-o", f"{name}.hourglass", "--epochs", "1", "--quiet"], standalone_mode=False)
        digests.append(fingerprint(hourglass.load(f"{name}.hourglass").model_))
    assert digests[0] == digests[1]
