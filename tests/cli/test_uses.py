"""The commands that use a model: files in, files out, the same numbers as in Python."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

import hourglass


@pytest.fixture
def place(shelf: Path, tmp_path: Path, monkeypatch) -> Path:
    """A folder of one's own with the files of the shelf."""
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture, int)


# detect


def test_detect_writes_a_row_for_every_row(run, place) -> None:
    result = run("detect", "table.hourglass", "new.csv", "-o", "scores.csv", "--top", 3)
    scores = pd.read_csv("scores.csv")
    assert list(scores) == ["row", "score", "p_value", "anomaly", "because"]
    assert list(scores["row"]) == list(range(30))
    model = hourglass.load("table.hourglass")
    np.testing.assert_allclose(scores["score"], -model.score_samples("new.csv"), rtol=1e-4)
    assert scores["score"].idxmax() == 29
    assert "The 3 most unusual" in result.stdout
    assert "amount 5000" in result.stdout
    assert "scores: scores.csv" in result.stdout


def test_detect_ranks_and_counts(told, place) -> None:
    answer = told("detect", "table.hourglass", "new.csv", "--top", 5)
    scores = [row["score"] for row in answer["top"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["top"][0]["row"] == 29
    assert answer["rows"] == 30
    assert answer["anomalies"] == int((hourglass.load("table.hourglass").predict("new.csv") == -1).sum())


def test_false_discoveries_choose_another_threshold(run, told, place) -> None:
    new = pd.read_csv("new.csv")
    new["amount"] = 5000.0
    new.to_csv("odd.csv", index=False)
    answer = told("detect", "table.hourglass", "odd.csv", "--false-discoveries", 0.2, "--top", 1)
    assert answer["anomalies"] == 30
    assert answer["false_discoveries"] == 0.2
    assert answer["top"][0]["q_value"] <= 0.2
    assert "two ways" in run("detect", "table.hourglass", "odd.csv", "--false-alarms", 0.1, "--false-discoveries", 0.1, code=2).stderr
    assert "between 0 and 1" in run("detect", "table.hourglass", "odd.csv", "--false-discoveries", 2, code=2).stderr
    assert "finds nothing" in run("detect", "table.hourglass", "odd.csv", "--false-discoveries", 0.001).stderr
    assert "known scores cannot tell" in run("detect", "table.hourglass", "odd.csv", "--false-alarms", 0.0001).stdout


def test_detect_writes_a_page(run, told, place) -> None:
    result = run("detect", "table.hourglass", "new.csv", "-o", "scores.csv", "--page", "found.html", "--top", 4)
    page = Path("found.html").read_text()
    assert "page: found.html" in result.stdout
    assert "amount 5000" in page
    assert page.count('<td class="why">') == 4
    assert len(pd.read_csv("scores.csv")) == 30
    assert told("detect", "table.hourglass", "new.csv", "-o", "again.html")["page"] == "again.html"
    assert "both pages" in run("detect", "table.hourglass", "new.csv", "-o", "a.html", "--page", "b.html", code=2).stderr
    assert "exists already" in run("detect", "table.hourglass", "new.csv", "--page", "again.html", code=2).stderr
    run("detect", "image.hourglass", "pictures", "--page", "pictures.html")
    assert Path("pictures.html").read_text().count("<figure>") == 8


def test_data_that_look_shifted_are_told_so(told, place) -> None:
    new = pd.read_csv("new.csv").assign(amount=lambda data: data["amount"] * 100)
    new.to_csv("cents.csv", index=False)
    note = told("detect", "table.hourglass", "cents.csv")["notes"][-1]
    assert "the data as a whole look unlike the training data" in note
    assert "amount is around" in note
    assert "about 100 times as much" in note or "other units" in note
    assert not any("as a whole" in note for note in told("detect", "table.hourglass", "new.csv")["notes"])


def test_labels_say_who_finds_the_anomalies_best(run, told, place) -> None:
    odd = pd.read_csv("new.csv")
    odd["odd"] = odd.index >= 20
    odd.loc[odd["odd"], "amount"] = 5000.0
    odd.to_csv("odd.csv", index=False)
    words = ("detect", "table.hourglass", "odd.csv", "--label", "odd")
    answer = told(*words, "--training", "train.csv", "--top", 0)
    assert answer["detection"]["anomalies"] == 10
    assert set(answer["detection"]["ways"]) == {"model", "neighbours", "forest", "pca"}
    assert answer["detection"]["ways"]["model"]["auroc"] > 0.9
    assert "On the labels" in answer["verdicts"][0]
    assert "nothing to compare with" in run(*words).stdout
    assert "did you mean 'odd'" in run(*words[:-1], "od", code=2).stderr
    assert "trained on this column" in run(*words[:-1], "amount", code=2).stderr
    told("report", "table.hourglass", "odd.csv", "--label", "odd", "--training", "train.csv")
    assert "pictures are labelled by their folders" in run("detect", "image.hourglass", "pictures", "--label", "odd", code=2).stderr


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "json", "jsonl"])
def test_detect_writes_every_format_alike(run, place, suffix: str) -> None:
    run("detect", "table.hourglass", "new.csv", "-o", f"scores.{suffix}")
    read = {"parquet": pd.read_parquet, "json": pd.read_json, "jsonl": lambda path: pd.read_json(path, lines=True)}
    scores = read.get(suffix, pd.read_csv)(f"scores.{suffix}")
    assert list(scores) == ["row", "score", "p_value", "anomaly", "because"]
    assert len(scores) == 30
    assert scores["anomaly"].iloc[29]
    np.testing.assert_allclose(scores["score"], -hourglass.load("table.hourglass").score_samples("new.csv"), rtol=1e-4)


def test_unusual_pictures_are_named(run, place) -> None:
    Path("pictures/3.png").write_bytes(b"broken")  # so that rows and files in order no longer agree
    result = run("detect", "image.hourglass", "pictures", "-o", "scores.csv")
    scores = pd.read_csv("scores.csv")
    assert list(scores) == ["row", "file", "score", "p_value", "anomaly", "because"]
    assert sorted(scores["file"]) == ["4.png", "5.png", "6.png", "7.png", "deep/0.png", "deep/1.png", "deep/2.png"]
    worst = scores.loc[scores["score"].idxmax(), "file"]
    score = float(-hourglass.load("image.hourglass").score_samples(f"pictures/{worst}")[0])
    assert scores["score"].max() == pytest.approx(score, rel=1e-4)
    assert "deep/1.png" in result.stdout


@pytest.mark.parametrize("words", [["reconstruct", "image.hourglass"], ["compress", "-m", "image.hourglass"]])
def test_of_a_folder_broken_pictures_are_left_out(run, place, words: list[str]) -> None:
    Path("pictures/3.png").write_bytes(b"broken")
    result = run(*words, "pictures", "-o", "made/")
    assert "left out: pictures/3.png" in result.stderr
    assert len([path for path in Path("made").rglob("*") if path.is_file()]) == 7
    for picture in Path("pictures").rglob("*.png"):
        picture.write_bytes(b"broken")
    assert "none of the 8 files can be read" in run(*words, "pictures", "-o", "none/", code=2).stderr


def test_of_a_folder_broken_sounds_are_left_out(run, place) -> None:
    soundfile = pytest.importorskip("soundfile")
    Path("sounds").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, (6, 800))
    for number, sound in enumerate(noise):
        soundfile.write(f"sounds/{number}.wav", sound, 8000)
    run("fit", "sounds", "-o", "sound.hourglass", "--epochs", 1, "--code-size", 2)
    Path("sounds/0.wav").write_bytes(Path("sounds/0.wav").read_bytes()[:400])
    result = run("reconstruct", "sound.hourglass", "sounds", "-o", "made/")
    assert "left out: sounds/0.wav is cut off" in result.stderr
    assert sorted(path.name for path in Path("made").iterdir()) == [f"{number}.wav" for number in range(1, 6)]


def test_salvage_makes_nothing_up(run, place) -> None:
    run("compress", "new.csv", "-m", "table.hourglass")
    packed = Path("new.csv.hgz").read_bytes()
    Path("cut.hgz").write_bytes(packed[:-20])
    result = run("decompress", "cut.hgz", "-m", "table.hourglass", "--salvage", "-o", "back.csv")
    assert "30 of 30 samples are lost" in result.stderr
    assert pd.read_csv("back.csv").isna().all().all()


def test_a_model_without_its_suffix_is_guessed(run, place) -> None:
    assert "did you mean 'table.hourglass'?" in run("detect", "table", "new.csv", code=2).stderr


def test_false_alarms_need_no_new_fit(told, place) -> None:
    few, many = (told("detect", "table.hourglass", "new.csv", "--false-alarms", share)["anomalies"] for share in (0.01, 0.7))
    assert few < many


@pytest.mark.parametrize("name", ["scores.parquet", "scores.json", "scores.csv.gz"])
def test_detect_writes_other_formats(run, place, name: str) -> None:
    run("detect", "table.hourglass", "new.csv", "-o", name)
    readers = {".parquet": pd.read_parquet, ".json": pd.read_json, ".gz": pd.read_csv}
    assert len(readers[Path(name).suffix](name)) == 30


def test_pipes(run, place) -> None:
    result = run("detect", "table.hourglass", "-", "-o", "-", input=Path("new.csv").read_bytes())
    assert len(pd.read_csv(io.StringIO(result.stdout))) == 30
    assert "most unusual" in result.stderr
    codes = run("encode", "table.hourglass", "-", "-o", "-", input=Path("new.csv").read_bytes())
    assert len(pd.read_csv(io.StringIO(codes.stdout))) == 30
    assert "standard input is empty" in run("detect", "table.hourglass", "-", input=b"", code=2).stderr


def test_other_columns_are_named(run, place) -> None:
    pd.read_csv("new.csv").rename(columns={"hour": "time"}).to_csv("other.csv", index=False)
    message = run("detect", "table.hourglass", "other.csv", "-o", "scores.csv", code=2).stderr
    assert "hour" in message
    assert "time" in message
    assert not Path("scores.csv").exists()


def test_data_and_model_in_the_wrong_order(run, place) -> None:
    assert "no model of hourglass" in run("detect", "new.csv", "table.hourglass", code=2).stderr


# encode, decode, reconstruct, generate


def test_there_and_back(run, place) -> None:
    run("encode", "table.hourglass", "new.csv")
    codes = pd.read_parquet("new.codes.parquet")
    model = hourglass.load("table.hourglass")
    assert codes.shape == (30, model.model_.code_size)
    run("decode", "table.hourglass", "new.codes.parquet", "-o", "back.csv")
    run("reconstruct", "table.hourglass", "new.csv")
    back, again = pd.read_csv("back.csv"), pd.read_csv("new.reconstructed.csv")
    assert list(again) == ["amount", "hour", "shop", "fraud"]
    pd.testing.assert_frame_equal(back[["amount", "hour", "shop"]], again[["amount", "hour", "shop"]], rtol=1e-3)


def test_pictures_come_back_under_their_names(run, place) -> None:
    run("reconstruct", "image.hourglass", "pictures")
    names = {path.relative_to("pictures.reconstructed").as_posix() for path in Path("pictures.reconstructed").rglob("*.png")}
    assert names == {path.relative_to("pictures").as_posix() for path in Path("pictures").rglob("*.png")}
    assert pixels("pictures.reconstructed/deep/0.png").T.shape == (8, 8)
    assert "exists already" in run("reconstruct", "image.hourglass", "pictures", code=2).stderr


def test_generate_as_sheet_folder_and_table(run, place) -> None:
    run("generate", "image.hourglass", "-n", 5, "-o", "sheet.png", "--seed", 1)
    assert pixels("sheet.png").T.shape > (8, 8)
    run("generate", "image.hourglass", "-n", 5, "-o", "new/")
    assert len(list(Path("new").glob("*.png"))) == 5
    assert "exists already" in run("generate", "image.hourglass", "-n", 5, "-o", "new/", code=2).stderr
    rows = [run("generate", "table.hourglass", "-n", 4, "-o", "-", "--seed", 3).stdout for _ in range(2)]
    assert rows[0] == rows[1]
    assert list(pd.read_csv(io.StringIO(rows[0]))) == ["amount", "hour", "shop"]


@pytest.mark.parametrize(("command", "output"), [("generate", "new.csv"), ("reconstruct", "new.csv")])
def test_pictures_are_not_written_as_tables(run, place, command: str, output: str) -> None:
    Path(output).unlink()
    words = ["-n", 2] if command == "generate" else ["pictures/5.png"]
    assert "written as .png" in run(command, "image.hourglass", *words, "-o", output, code=2).stderr


# compress, decompress, denoise


def test_compress_and_back(run, told, place) -> None:
    answer = told("compress", "-m", "image.hourglass", "pictures", "-o", "packed")
    assert {Path(each["output"]).as_posix() for each in answer["files"]} == {
        f"packed/{path.relative_to('pictures').as_posix()}.hgz" for path in Path("pictures").rglob("*.png")
    }
    assert all(each["after"] == Path(each["output"]).stat().st_size for each in answer["files"])
    run("decompress", "-m", "image.hourglass", "packed/5.png.hgz")
    assert pixels("packed/5.png.png").T.shape == (8, 8)
    run("decompress", "-m", "image.hourglass", "packed", "-o", "back")
    assert Path("back/deep/0.png.png").exists()
    run("compress", "-m", "table.hourglass", "new.csv", "-q", 90)
    run("decompress", "-m", "table.hourglass", "new.csv.hgz", "-o", "back.csv")
    assert len(pd.read_csv("back.csv")) == 30


def test_damage_is_refused(run, place) -> None:
    run("compress", "-m", "table.hourglass", "new.csv")
    data = bytearray(Path("new.csv.hgz").read_bytes())
    data[-20] ^= 255
    Path("new.csv.hgz").write_bytes(data)
    assert "chunk 1" in run("decompress", "-m", "table.hourglass", "new.csv.hgz", "-o", "back.csv", code=2).stderr
    assert not Path("back.csv").exists()


def test_denoise_keeps_name_size_and_format(run, place) -> None:
    run("denoise", "-m", "image.hourglass", "pictures/5.png", "pictures/6.png", "-o", "clean/")
    assert pixels("clean/5.png").T.shape == (8, 8)
    run("denoise", "-m", "image.hourglass", "pictures/5.png", "--strength", 0)
    assert np.abs(pixels("pictures/5.denoised.png") - pixels("pictures/5.png")).max() <= 1


def test_without_a_model_it_says_how_to_fit_one(run, place) -> None:
    message = run("denoise", "new.csv", code=2).stderr
    assert "hourglass fit" in message
    assert "--purpose denoise" in message


def test_pictures_are_denoised_without_a_model(run, told, place) -> None:
    answer = told("denoise", "pictures", "-o", "clean", "--before-after", "looks/")
    assert {Path(each["output"]).as_posix() for each in answer["files"]} == {
        f"clean/{path.relative_to('pictures').as_posix()}" for path in Path("pictures").rglob("*.png")
    }
    assert all(each["removed"] >= 0 for each in answer["files"])
    assert pixels("looks/deep/0.before-after.png").shape[:2] == (8, 40)
    assert "before, after" in run("denoise", "pictures/5.png", "--before-after", "look.png", "--careful").stdout
    assert "exists" in run("denoise", "pictures/6.png", "--before-after", "look.png", code=2).stderr
    assert not Path("pictures/6.denoised.png").exists()
    assert "leave them out" in run("denoise", "pictures/6.png", "-m", "image.hourglass", "--careful", code=2).stderr


def test_sounds_are_denoised_without_a_model(run, told, place) -> None:
    draw = np.random.default_rng(0)
    samples = np.sin(np.arange(8000) / 8)[:, None] * [0.3, 0.1] + 0.05 * draw.normal(size=(8000, 2))
    soundfile.write("hiss.flac", samples, 22050, subtype="PCM_24")
    assert "dB below the sound" in run("denoise", "hiss.flac").stdout
    after = soundfile.info("hiss.denoised.flac")
    assert (after.samplerate, after.channels, after.frames, after.subtype) == (22050, 2, 8000, "PCM_24")
    answer = told("denoise", "hiss.flac", "pictures/5.png", "-o", "clean/", "--strength", 0)
    assert [Path(each["output"]).name for each in answer["files"]] == ["hiss.flac", "5.png"]
    assert np.array_equal(soundfile.read("clean/hiss.flac")[0], soundfile.read("hiss.flac")[0])
    assert ".wav" in run("denoise", "hiss.flac", "-o", "hiss.png", code=2).stderr
    assert "for pictures" in run("denoise", "hiss.flac", "--careful", "-o", "again.wav", code=2).stderr


def test_pictures_are_compressed_without_a_model(run, told, place) -> None:
    run("compress", "pictures/5.png", "-q", 80)
    answer = told("info", "pictures/5.png.hgz")
    assert answer["header"]["model"] == "photo-1"
    run("decompress", "pictures/5.png.hgz", "-o", "back.png")
    assert Path("back.png").exists()
    Path("tiny.png").write_bytes(Path("pictures/5.png").read_bytes())
    assert "bytes at the least" in run("compress", "tiny.png", "--bytes", 10, code=2).stderr
    run("compress", "new.csv", code=2)
    Path("photo.hgz").write_bytes(b"x")
    assert "no file compressed by hourglass" in run("decompress", "photo.hgz", code=2).stderr


# report, info


def test_report(run, told, place) -> None:
    first = run("report", "table.hourglass").stdout
    assert "learn" in first
    run("report", "table.hourglass", "train.csv", "-o", "report.html")
    assert "<html" in Path("report.html").read_text(encoding="utf-8")
    run("report", "table.hourglass", "train.csv", "-o", "report.json")
    assert json.loads(Path("report.json").read_text())["verdicts"]
    assert told("report", "table.hourglass")["measures"]
    assert "exists already" in run("report", "table.hourglass", "-o", "report.html", code=2).stderr


def test_info_of_a_model(run, told, place) -> None:
    text = run("info", "table.hourglass").stdout
    for words in ("amount", "number", "category of 3 values", "[food]", "dense", "20 epochs", "label", "fraud", "learn"):
        assert words in text, words
    answer = told("info", "table.hourglass")
    assert (answer["sort"], answer["kind"], answer["settings"]["epochs"]) == ("model", "table", 20)
    assert answer["verdicts"]


def test_info_of_a_compressed_file(run, told, place) -> None:
    run("compress", "-m", "table.hourglass", "new.csv")
    answer = told("info", "new.csv.hgz")
    assert (answer["sort"], answer["header"]["rows"], answer["damaged"]) == ("compressed", 30, [])
    assert "all sound" in run("info", "new.csv.hgz").stdout


@pytest.mark.parametrize(("name", "message"), [("new.csv", "no model"), ("pictures", "is a folder"), ("table.hourglas", "did you mean")])
def test_info_of_something_else(run, place, name: str, message: str) -> None:
    assert message in run("info", name, code=2).stderr
