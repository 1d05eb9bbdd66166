"""Text files: encodings, line ends, units, pieces, and the way back to files."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from hourglass import kinds
from hourglass.errors import BadData, BadFile, BadOption, BadType, DamagedFile
from hourglass.kinds import _text_files, table, text


def make(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def rows_of(source, **options):
    pieces = text.read(source, **options)
    return [row for i in range(len(pieces.counts)) for row in pieces.load(i)]


def round_trip(source, target, **options):
    """Through tensors and into a file."""
    pieces = text.read(source, **options)
    facts = text.learn(pieces)

    def chunks():
        for index in range(len(pieces.counts)):
            chunk = pieces.load(index)
            batch, layout = text.cut(chunk, facts)
            yield text.join(batch.x, facts, layout, like=chunk)

    text.write(chunks(), target, facts)
    return facts


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.text", "a.log", "a.jsonl", "a.txt.gz"])
def test_a_file_gives_its_lines(tmp_path, name):
    data = "first\n\nthird ü\n".encode()
    path = make(tmp_path / name, gzip.compress(data) if name.endswith(".gz") else data)
    assert text.claims(path) == 1
    assert kinds.infer(path) == "text"
    assert rows_of(path) == ["first", "", "third ü"]
    target = tmp_path / f"back-{name}"
    round_trip(path, target)
    assert (gzip.decompress(target.read_bytes()) if name.endswith(".gz") else target.read_bytes()) == data


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_are_those_of_the_file(tmp_path, newline):
    data = newline.join(["one", "two", "", "a\0b", ""]).encode()
    path = make(tmp_path / "a.txt", data)
    assert rows_of(path) == ["one", "two", "", "a\0b"]
    round_trip(path, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == data


def test_odd_line_ends(tmp_path):
    assert rows_of(make(tmp_path / "mixed.txt", b"a\r\nb\nc\nd")) == ["a\r", "b", "c", "d"]
    assert rows_of(make(tmp_path / "mac.txt", b"a\rb\rc\r")) == ["a", "b", "c"]
    round_trip(str(tmp_path / "mac.txt"), tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_bytes() == b"a\rb\rc\r"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_other_encodings_by_their_mark(tmp_path, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    path = make(tmp_path / "a.txt", mark + "hé\r\n中\r\n".encode(encoding))
    pieces = text.read(path)
    assert pieces.load(0) == ["hé", "中"]
    notes = text.learn(pieces)["notes"]
    assert (
        notes == []
        if encoding == "utf-8-sig"
        else notes == [f"{path} is in {notes[0].split(' is in ')[1].split()[0]} and is read as UTF-8"]
    )


def test_units(tmp_path):
    path = make(tmp_path / "a.txt", "\n\nfirst\npart\n\n \nsecond\n\n\n")
    assert rows_of(path, unit="paragraphs") == ["first\npart", "second"]
    assert rows_of(path, unit="files") == ["\n\nfirst\npart\n\n \nsecond\n\n\n"]
    round_trip(path, tmp_path / "b.txt", unit="paragraphs")
    assert (tmp_path / "b.txt").read_text() == "first\npart\n\nsecond\n\n"
    round_trip(path, tmp_path / "c.txt", unit="files")
    assert (tmp_path / "c.txt").read_bytes() == (tmp_path / "a.txt").read_bytes()


def test_a_folder_gives_its_files(tmp_path):
    folder = tmp_path / "in"
    contents = {"a.txt": "no end of the line", "b/a.txt": "x\r\ny\r\n", "b/empty.md": "", "c.txt": "é" * 300}
    for name, content in contents.items():
        make(folder / name, content)
    assert text.claims(folder) == 1
    pieces = text.read(folder)
    assert pieces.counts == [4]
    assert pieces.load(0).names == sorted(contents)
    assert text.learn(pieces)["reading"] == "4 files, 0 to 600 bytes"
    round_trip(folder, f"{tmp_path}/out/")
    assert {name: (tmp_path / "out" / name).read_bytes().decode() for name in contents} == contents
    round_trip(folder, tmp_path / "one.txt")
    assert (tmp_path / "one.txt").read_bytes() == ("no end of the line\nx\r\ny\r\n" + "é" * 300).encode()
    for source in (str(folder / "**" / "*.txt"), [folder / "a.txt", folder / "b" / "a.txt", folder / "c.txt"]):
        assert text.claims(source) == 1
        assert len(rows_of(source)) == 3
    assert rows_of(folder, unit="lines") == ["no end of the line", "x", "y", "é" * 300]
    assert text.read([folder / "a.txt", folder / "b" / "a.txt"]).load(0).names[1].endswith("b/a.txt")


def test_pieces_are_bounded_and_only_their_part_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_text_files, "ROWS", 10)
    monkeypatch.setattr(_text_files, "PIECE", 60)
    path = make(tmp_path / "a.txt", "".join(f"line {i}\n" for i in range(25)))
    pieces = text.read(path)
    assert sum(pieces.counts) == 25
    assert max(pieces.counts) <= 10
    assert len(pieces.counts) > 3
    third = pieces.load(2)
    assert third.first == sum(pieces.counts[:2])
    assert third.where(1) == f"line {third.first + 2} of {path}"
    assert rows_of(path) == [f"line {i}" for i in range(25)]
    facts = text.learn(pieces)
    assert text.training(third, facts, np.random.default_rng(0)).source[0] == third.first
    assert rows_of(path, unit="paragraphs") == ["\n".join(f"line {i}" for i in range(25))]


def test_enormous_rows_are_read_as_several(tmp_path, monkeypatch):
    monkeypatch.setattr(_text_files, "LONGEST", 16)
    path = make(tmp_path / "in" / "a.txt", b"x" * 40 + b"\nshort\n" + b"y" * 16 + b"\n")
    assert rows_of(path) == ["x" * 16, "x" * 16, "x" * 8, "short", "y" * 16, ""]
    assert rows_of(path, unit="paragraphs")[0] == "x" * 16
    round_trip(tmp_path / "in", f"{tmp_path}/out/")
    assert (tmp_path / "out" / "a.txt").read_bytes() == (tmp_path / "in" / "a.txt").read_bytes()


def test_bytes_that_are_no_utf8_name_file_and_line(tmp_path):
    path = make(tmp_path / "latin.txt", "fine\nalso fine\ncaf\xe9 na\xefve\n".encode("latin-1"))
    pieces = text.read(path)
    note = text.learn(pieces)["notes"][0]
    assert note.startswith(f"2 bytes in 1 lines are no UTF-8, the first in line 3 of {path}")
    round_trip(path, tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_text(encoding="utf-8") == "fine\nalso fine\ncaf\ufffd na\ufffdve\n"
    with pytest.raises(BadData, match=r"line 3 of .*latin.txt holds bytes that are no UTF-8, the first is 0xe9 after 3 letters"):
        text.read(path, strict=True).load(0)


def test_files_without_text(tmp_path):
    with pytest.raises(BadFile, match=r"empty.txt is empty: there is no text"):
        text.read(make(tmp_path / "empty.txt", b""))
    with pytest.raises(BadFile, match=r"blank.txt holds nothing but whitespace, in 3 rows"):
        text.read(make(tmp_path / "blank.txt", b"\n \n\t\n"))
    for data, told in ((b"", "all 2 files, .* are empty"), (b" \n", "hold nothing but whitespace")):
        folder = tmp_path / f"folder{len(data)}"
        make(folder / "a.txt", data)
        make(folder / "b.txt", data)
        with pytest.raises(BadFile, match=told):
            text.read(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadFile, match="found instead: nothing: the folder is empty"):
        text.read(tmp_path / "nothing")
    make(tmp_path / "sounds" / "a.wav", b"RIFF")
    with pytest.raises(BadFile, match=r"found instead: 1 \.wav"):
        text.read(tmp_path / "sounds")
    with pytest.raises(BadFile, match=r"did you mean 'blank\.txt'"):
        text.read(tmp_path / "blnk.txt")
    with pytest.raises(BadFile, match="no file fits"):
        text.read(str(tmp_path / "*.log"))


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(BadFile, match="it looks like a PNG picture"):
        text.read(make(tmp_path / "a.txt", b"\x89PNG\r\n"))
    with pytest.raises(DamagedFile, match="damaged or truncated gzip"):
        text.read(make(tmp_path / "b.txt.gz", gzip.compress(b"abc\n" * 1000)[:-20]))


def test_a_file_that_changes_is_noticed(tmp_path):
    path = make(tmp_path / "a.txt", "one\ntwo\n")
    pieces = text.read(path)
    make(tmp_path / "a.txt", "one")
    with pytest.raises(BadFile, match="was changed while it was being read"):
        pieces.load(0)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        pieces.load(0)


def test_copies_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    path = make(tmp_path / "a.txt.gz", gzip.compress(b"one\ntwo\n"))
    pieces = text.read(path)
    assert len(list((tmp_path / "copies").iterdir())) == 1
    assert pieces.load(0) == ["one", "two"]
    del pieces
    assert not list((tmp_path / "copies").iterdir())
    with pytest.raises(BadFile):
        text.read(make(tmp_path / "b.txt.gz", gzip.compress(b"\n")))
    assert not list((tmp_path / "copies").iterdir())


def test_tables_with_a_column(tmp_path):
    facts = text.learn(text.read(["a"]))
    for name in ("a.csv", "a.parquet", "a.json"):
        text.write([["one", "tw\udcffo"], ["three"]], tmp_path / name, facts)
    expected = ["one", "tw\ufffdo", "three"]
    assert pq.read_table(tmp_path / "a.parquet")["text"].to_pylist() == expected
    assert [record["text"] for record in json.loads((tmp_path / "a.json").read_text())] == expected
    assert table.read(str(tmp_path / "a.csv")).load(0)["text"].to_pylist() == expected


def test_new_texts_to_files(tmp_path):
    facts = text.learn(text.read(["a"]))
    text.write([["one", "two\nlines"]], tmp_path / "a.txt", facts)
    assert (tmp_path / "a.txt").read_text() == "one\ntwo lines\n"
    text.write([["one", "two\nlines"]], f"{tmp_path}/new/", facts)
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == {"00001.txt": "one", "00002.txt": "two\nlines"}
    text.write([["one", "two"]], tmp_path / "b.txt", facts | {"unit": "files"})
    assert (tmp_path / "b.txt").read_text() == "one\ntwo"
    with pytest.raises(BadOption, match=r"texts cannot be written as 'a\.xlsx'"):
        text.write([["one"]], tmp_path / "a.xlsx", facts)
    with pytest.raises(BadData, match="no texts to write"):
        text.write([], tmp_path / "c.txt", facts)
    with pytest.raises(BadType, match="this is one str"):
        text.write(["one"], tmp_path / "c.txt", facts)
    assert not (tmp_path / "c.txt").exists()
    assert all(name.endswith(text.WRITTEN) for name in ("a.txt", "a.md", "a.txt.gz", "a.csv", "a.parquet", "a.json"))


def test_a_name_never_leads_out_of_the_folder(tmp_path):
    chunk = text.read(make(tmp_path / "in" / "a.txt", "x"), unit="files").load(0)
    chunk.stretches = (chunk.stretches[0]._replace(short="../../evil.txt"),)
    text.write([chunk], f"{tmp_path}/out/in/", {"unit": "files", "newline": "\n"})
    assert (tmp_path / "out" / "in" / "evil.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("emma\nolivia\nava\n", "text"),
        ("First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n", "text"),
        (" no it was n't black monday \n but while the <unk> did n't fall apart N \n", "text"),
        ("Hello, world\nHow are you, friend\n", "text"),
        ("a\tb\n1\t2\n3\t4\n", "table"),
        ("1.5\n2.5\n3.5\n", "table"),
        ("name,city\nann,rome\nbob,oslo\n", "table"),
        ("12, 3\n4, 5\n", "table"),
    ],
)
def test_prose_is_text_and_cells_are_a_table(tmp_path, data, kind):
    path = make(tmp_path / "a.txt", data)
    assert kinds.infer(path) == kind
    assert kinds.infer(str(tmp_path / "*.txt")) == kind
    assert kinds.infer([path]) == kind
    make(tmp_path / "a.csv", data)
    assert kinds.infer(str(tmp_path / "a.csv")) == "table"


def test_rows_are_told_by_file(tmp_path):
    for name in ("a.txt", "b.txt"):
        make(tmp_path / "in" / name, f"first of {name}\nsecond\n")
    files, lines = text.read(tmp_path / "in").load(0), text.read(tmp_path / "in", unit="lines").load(0)
    assert text.places(files, {}) == {"file": ["a.txt", "b.txt"]}
    assert text.places(lines, {}) == {"file": ["a.txt", "a.txt", "b.txt", "b.txt"], "text": list(lines)}
    assert lines.where(3) == f"line 2 of {tmp_path / 'in' / 'b.txt'}"
