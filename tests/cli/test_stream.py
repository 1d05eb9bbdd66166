"""`hourglass detect MODEL -`: answers as lines come, what cannot be read, streams that end where they should not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hourglass


@pytest.fixture
def home(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("table.hourglass", "new.csv", "image.hourglass"):
        (tmp_path / name).write_bytes((shelf / name).read_bytes())
    return tmp_path


def test_every_line_is_answered(run, home) -> None:
    result = run("detect", "table.hourglass", "-", input=Path("new.csv").read_bytes())
    found = pd.read_csv(io.StringIO(result.stdout))
    assert list(found) == ["row", "score", "p_value", "anomaly", "because"]
    np.testing.assert_allclose(found["score"], -hourglass.load("table.hourglass").score_samples("new.csv"), rtol=1e-4)
    assert "amount 5000" in found["because"][29]
    assert f"{int(found['anomaly'].sum())} of 30 rows are anomalies" in result.stderr


def test_bad_lines_are_told_and_the_next_ones_answered(run, home) -> None:
    text = "amount,hour,shop,fraud\n40,10,books,0\n40,10\n\nmany,10,books,0\n,,,\n41,10,shoes,0\n40,1"
    result = run("detect", "table.hourglass", "-", input=text)
    assert len(pd.read_csv(io.StringIO(result.stdout))) == 3
    assert "line 3 is left out: 2 cells where 4 were expected" in result.stderr
    assert "line 5 is left out: column 'amount'" in result.stderr
    assert "line 8 is left out: 2 cells" in result.stderr
    assert "stopped in the middle" in result.stderr
    assert "3 lines were left out" in result.stderr
    one = run("detect", "table.hourglass", "-", input="amount,hour,shop\n40,10,books\n40\n")
    assert "1 line was left out" in one.stderr


def test_a_last_line_without_end_is_pointed_out(run, home) -> None:
    result = run("detect", "table.hourglass", "-", "--json", input="amount,hour,shop\n40,10,books")
    assert json.loads(result.stdout.splitlines()[0])["row"] == 0
    assert "line 2 has no end" in result.stderr


def test_columns_are_named_where_no_header_is(run, home) -> None:
    named = run("detect", "table.hourglass", "-", "--columns", "hour,amount,shop", input="10;40;books\n11;41;food\n")
    assert len(pd.read_csv(io.StringIO(named.stdout))) == 2
    assert "lacks the columns 'amount'" in run("detect", "table.hourglass", "-", input="10,40,books\n", code=2).stderr


def test_streams_without_anything(run, home) -> None:
    assert "standard input is empty" in run("detect", "table.hourglass", "-", input=b"", code=2).stderr
    assert "0 of 0 rows" in run("detect", "table.hourglass", "-", input="amount,hour,shop\n").stderr
    assert "holds a file" in run("detect", "table.hourglass", "-", input=b"PAR1....", code=2).stderr
    assert "are for streams" in run("detect", "table.hourglass", "new.csv", "--adapt", code=2).stderr


def test_adapting_says_so(run, home) -> None:
    before = Path("table.hourglass").read_bytes()
    result = run("detect", "table.hourglass", "-", "--adapt", input=Path("new.csv").read_bytes())
    assert "scale and threshold moved, the weights did not, nor did the model's file" in result.stderr
    assert Path("table.hourglass").read_bytes() == before


def test_answers_do_not_wait_for_the_end(home) -> None:
    """The answer to a line is there while the stream is still open."""
    lines = Path("new.csv").read_text().splitlines(keepends=True)
    words = [sys.executable, "-m", "hourglass", "detect", "table.hourglass", "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in lines[:2]:
            process.stdin.write(line)
            process.stdin.flush()
        assert process.stdout.readline().startswith("row,")
        assert process.stdout.readline().startswith("0,")
        process.stdin.write(lines[2])
        process.stdin.flush()
        assert process.stdout.readline().startswith("1,")
        process.stdin.close()
        assert process.wait(60) == 0


def test_events_are_written(run, home) -> None:
    t = np.arange(600)
    frame = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=600, freq="1min"), "heat": np.sin(t / 3), "flow": np.cos(t / 3)})
    frame.to_csv("machine.csv", index=False)
    run("fit", "machine.csv", "-o", "m", "--purpose", "detect", "--epochs", 5, "--members", 1, "--seed", 0, "--quiet")
    frame.loc[300:305, "heat"] += 9
    frame.to_csv("bad.csv", index=False)
    run("detect", "m.hourglass", "bad.csv", "--page", "found.html")
    assert 'class="event"' in Path("found.html").read_text()
    assert "<td>heat" in Path("found.html").read_text()
    run("report", "m.hourglass", "bad.csv", "-o", "report.html")
    assert 'class="event"' in Path("report.html").read_text()
    result = run("detect", "m.hourglass", "bad.csv", "--events", "events.csv")
    events = pd.read_csv("events.csv")
    assert any(abs(events["first_row"] - 300) <= 2)
    assert "Events" in result.stdout
    assert "exists already" in run("detect", "m.hourglass", "bad.csv", "--events", "events.csv", code=2).stderr
    assert "events are of series" in run("detect", "table.hourglass", "new.csv", "--events", "more.csv", code=2).stderr
