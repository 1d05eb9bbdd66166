"""Tables: files of every sort, how text is written, and what is wrong with some."""

import gc
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hourglass.errors import BadData, BadFile, BadOption, CannotWrite, DamagedFile, SchemaMismatch
from hourglass.kinds import table


def whole(path, **options):
    pieces = table.read(path, **options)
    return pa.concat_tables([pieces.load(i) for i in range(len(pieces.counts))]).combine_chunks()


def there_and_back(path, **options):
    pieces = table.read(path)
    facts = table.learn(pieces, **options)
    chunk = pieces.load(0)
    return chunk, facts, table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk)


TEXT = {
    "comma": ("a,b\n1.5,x\n2,y\n", "utf-8"),
    "semicolon and decimal comma": ("a;b\r\n1,5;x\r\n2,0;y\r\n", "utf-8"),
    "tab": ("a\tb\n1.5\tx\n2\ty\n", "utf-8"),
    "bar, mark of order": ("a|b\n1.5|x\n2|y\n", "utf-8-sig"),
    "utf-16": ("a,b\n1.5,x\n2,y\n", "utf-16"),
    "decimal comma in quotes": ('"a","b"\n"1,5","x"\n"2","y"\n', "utf-8"),
    "quoted": ('"a","b"\n"1.5","x"\n"2","y"\n', "utf-8"),
}


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("zipped", [False, True])
def test_dialects_are_found_out(tmp_path, name, zipped):
    text, encoding = TEXT[name]
    path = tmp_path / ("t.txt.gz" if zipped else "t.txt")
    path.write_bytes(gzip.compress(text.encode(encoding)) if zipped else text.encode(encoding))
    assert whole(path).to_pydict() == {"a": [1.5, 2.0], "b": ["x", "y"]}
    assert table.claims(path)


@pytest.mark.parametrize(("encoding", "word"), [("latin-1", "é"), ("cp1252", "€"), ("utf-8", "é")])
@pytest.mark.parametrize("late", [False, True])
def test_encodings(tmp_path, encoding, word, late):
    path = tmp_path / "t.csv"
    rows = ["plain,1"] * 60_000 if late else []
    path.write_bytes("\n".join(["w,n", *rows, f"{word},2"]).encode(encoding))
    assert whole(path)["w"][-1].as_py() == word
    assert whole(path, limit=1)["w"][-1].as_py() == word


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", ["x0", "x1"]),
        ("0,1,2\n3,4,5\n", ["0", "1", "2"]),
        ("id,2019\nu,4\nv,5\n", ["id", "2019"]),
        ("a,2019\n1,4\n2,5\n", ["a", "2019"]),
        ("red,1\nblue,2\n", ["x0", "x1"]),
        ("2024-01-01,5\n2024-01-02,6\n", ["x0", "x1"]),
        ("colour,shape\nred,round\n", ["colour", "shape"]),
    ],
)
def test_header_or_not(tmp_path, text, names):
    path = tmp_path / "t.csv"
    path.write_text(text)
    if text.startswith("id"):  # words above words and a year above numbers: nothing tells them apart from values
        names = ["x0", "x1"]
    assert whole(path).column_names == names


def test_late_surprises_widen_a_column_when_streaming(tmp_path):
    path = tmp_path / "t.csv"
    rows = 400_000
    path.write_text("a,b,c\n" + "\n".join(f"{i},{i}," for i in range(rows)) + "\n1.5,word,7\n")
    pieces = table.read(path, limit=1)
    assert pieces.count == rows + 1
    assert max(pieces.counts) <= 65_536
    last = pieces.load(len(pieces.counts) - 1)
    assert last.slice(last.num_rows - 1).to_pylist() == [{"a": 1.5, "b": "word", "c": 7}]
    folders = set(Path(tempfile.gettempdir()).glob("hourglass-*"))
    del pieces
    gc.collect()
    assert len(set(Path(tempfile.gettempdir()).glob("hourglass-*"))) < len(folders)


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (["2024-01-05", "2023-12-31", "2024-02-29"], None),
        (["2024-01-05 10:00:00", "2023-12-31 12:30:00", "2024-02-29 00:00:00"], None),
        (["05.01.2024", "31.12.2023", "29.02.2024"], "%d.%m.%Y"),
        (["01/05/2024", "12/31/2023", "02/29/2024"], "%m/%d/%Y"),
        (["05/01/2024", "31/12/2023", "29/02/2024"], "%d/%m/%Y"),
    ],
)
def test_dates_written_as_text(tmp_path, dates, form):
    path = tmp_path / "t.csv"
    path.write_text("when,n\n" + "".join(f"{date},{i}\n" for i, date in enumerate([*dates, ""])))
    chunk, facts, back = there_and_back(path)
    column = facts["columns"][0]
    assert (column["type"], column.get("format")) == ("date", form)
    assert back.to_pydict() == chunk.to_pydict()
    assert {"week"} <= set(column["cycles"])
    assert ("day" in column["cycles"]) == (":" in dates[0])


def test_numbers_and_dates_as_text_in_frames():
    chunk = pa.table({"n": ["1", " 2", "NA", "40"], "d": ["2024-01-05", "2024-01-06", "", "2024-01-09"]})
    facts = table.learn(table.read(chunk))
    assert [column["type"] for column in facts["columns"]] == ["number", "date"]
    back = table.from_tensor(table.to_tensor(chunk, facts).x, facts)
    assert back.to_pydict() == {"n": ["1", "2", None, "40"], "d": ["2024-01-05", "2024-01-06", None, "2024-01-09"]}


def test_parquet_pieces_are_merged_and_split(tmp_path):
    values = np.arange(200_000, dtype=np.float32)
    for i, group in enumerate((1_000, 200_000)):
        pq.write_table(pa.table({"a": values, "b": values * 2}), tmp_path / f"{i}.parquet", row_group_size=group)
        pieces = table.read(tmp_path / f"{i}.parquet")
        assert all(40_000 < count <= 65_536 or count < 10_000 for count in pieces.counts)
        assert len(pieces.counts) == 4
        order = [3, 1, 0, 2]
        parts = {i: pieces.load(i) for i in order}
        assert [parts[i].num_rows for i in range(4)] == pieces.counts
        assert (np.concatenate([np.asarray(parts[i]["a"]) for i in range(4)]) == values).all()
    for source in (tmp_path, str(tmp_path / "*.parquet"), [tmp_path / "0.parquet", tmp_path / "1.parquet"]):
        assert table.read(source).count == 400_000
        assert table.read(source).memory == 400_000 * 2 * 4
        assert table.claims(source)


def test_pieces_of_large_row_groups_in_random_order(tmp_path):
    values = np.arange(300_000)
    pq.write_table(pa.table({"a": values, "w": pa.array(values % 7).cast(pa.string())}), tmp_path / "t.parquet", row_group_size=150_000)
    pieces = table.read(tmp_path / "t.parquet")
    starts = np.cumsum([0, *pieces.counts])
    for i in np.random.default_rng(0).integers(0, len(pieces.counts), 40):
        chunk = pieces.load(i)
        assert (np.asarray(chunk["a"]) == values[starts[i] : starts[i + 1]]).all()
        assert chunk["w"][0].as_py() == str(starts[i] % 7)
    in_order = [pieces.load(i)["a"][0].as_py() for i in range(len(pieces.counts))]
    assert in_order == starts[:-1].tolist()
    assert any(Path(tempfile.gettempdir()).glob("hourglass-*/0.arrow"))


def test_errors_in_later_pieces_name_the_row_of_the_file(tmp_path):
    pq.write_table(pa.table({"a": np.arange(200_000.0)}), tmp_path / "t.parquet", row_group_size=65_536)
    facts = table.learn(table.read(tmp_path / "t.parquet"))
    values = np.arange(200_000.0)
    values[150_000] = np.inf
    pq.write_table(pa.table({"a": values}), tmp_path / "t.parquet", row_group_size=65_536)
    pieces = table.read(tmp_path / "t.parquet")
    with pytest.raises(BadData, match="row 150000 "):
        table.learn(pieces)
    chunks = [pieces.load(i) for i in range(len(pieces.counts))]
    with pytest.raises(BadData, match="row 150000 "):
        table.to_tensor(chunks[2], facts)


def test_files_of_one_table(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b,a\ny,2.5\n")
    assert whole(tmp_path).to_pydict() == {"a": [1.0, 2.5], "b": ["x", "y"]}
    (tmp_path / "3.csv").write_text("b,c\ny,2.5\n")
    with pytest.raises(SchemaMismatch, match=r"3.csv lacks 'a' and adds 'c'"):
        table.read(tmp_path)


def test_npz_and_npy(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), np.arange(30) % 2
    np.savez(tmp_path / "t.npz", X=X, y=y, other=X[:5])
    pieces = table.read(tmp_path / "t.npz")
    chunk, facts = pieces.load(0), table.learn(pieces)
    assert facts["shape"] == [3]
    assert table.labels(chunk, facts).tolist() == y.tolist()
    batch = table.to_tensor(chunk, facts)
    torch.testing.assert_close(batch.x, table.to_tensor(X, facts).x)
    assert table.from_tensor(batch.x, facts, like=chunk).column_names == ["x0", "x1", "x2", "y"]
    assert table.read(f"{tmp_path}/t.npz:other").count == 5
    with pytest.raises(BadOption, match="did you mean 'other'"):
        table.read(f"{tmp_path}/t.npz:othr")
    np.save(tmp_path / "t.npy", X)
    assert table.read(tmp_path / "t.npy").count == 30
    np.save(tmp_path / "o.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(BadFile):
        table.read(tmp_path / "o.npy")


BROKEN = {
    "empty.csv": (b"", BadFile, "is empty"),
    "blank.csv": (b"\n\n", BadFile, "is empty"),
    "header.csv": (b"a,b\n", BadData, "no rows"),
    "ragged.csv": (b"a,b\n1,2\n3\n4,5\n", BadData, "line 3 .* has 1 cells where 2"),
    "twice.csv": (b"a,b,a\n1,2,3\n", BadData, "several columns called 'a'"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), BadFile, "binary"),
    "cut.csv.gz": (
        gzip.compress(b"a,b\n" + bytes(np.random.default_rng(0).integers(48, 57, 9_000, np.uint8)))[:900],
        DamagedFile,
        "truncated",
    ),
    "no.parquet": (b"PAR1 nothing", BadFile, "no readable Parquet"),
    "no.npz": (b"PK nothing", BadFile, "numpy"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path, name):
    content, error, text = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    for limit in (1, 2**31):
        with pytest.raises(error, match=text) as caught:
            table.read(tmp_path / name, limit=limit)
        assert name in str(caught.value)


def test_missing_paths(tmp_path):
    for source in (tmp_path / "none.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(BadFile):
            table.read(source)


def test_other_columns_at_use_time():
    facts = table.learn(table.read(pa.table({"a": [1, 2], "b": ["x", "y"], "y": [0, 1]})), label="y")
    with pytest.raises(SchemaMismatch, match=r"missing columns: 'b'; unknown columns: 'c'"):
        table.to_tensor(pa.table({"a": [1], "c": [2]}), facts)
    assert table.to_tensor(pa.table({"b": ["x"], "a": [1]}), facts).count == 1
    with pytest.raises(SchemaMismatch, match=r"'a' held numbers .* row 1 .* 'many'"):
        table.to_tensor(pa.table({"a": ["1", "many"], "b": ["x", "x"]}), facts)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".json"])
def test_written_tables_can_be_read(tmp_path, ending):
    source = pa.table({"a": [1, None, 3], "b": ["x", "y, z", None], "c": [0.5, 1.5, None], "d": [True, False, True], "e": ["k", "k", "l"]})
    source = source.set_column(4, "e", source["e"].dictionary_encode())
    facts = table.learn(table.read(source))
    path = tmp_path / f"out{ending}"
    table.write([source.slice(0, 1), source.slice(1)], path, facts)
    if ending == ".json":
        assert json.loads(path.read_text()) == source.to_pylist()
    else:
        assert whole(path).to_pydict() == source.to_pydict()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_written_arrays_can_be_read(tmp_path, ending):
    X = np.random.default_rng(0).normal(size=(10, 3))
    facts = table.learn(table.read(X))
    path = tmp_path / f"out{ending}"
    table.write([X[:4], X[4:]], path, facts)
    found = np.load(path)
    assert ((found if ending == ".npy" else found["X"]) == X).all()


def test_nothing_half_written_is_left(tmp_path):
    good = pa.table({"a": [1]})
    facts = table.learn(table.read(good))

    def failing():
        yield good
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        table.write(failing(), tmp_path / "t.csv", facts)
    with pytest.raises(BadOption, match=r"\.parquet"):
        table.write([good], tmp_path / "t.parqet", facts)
    with pytest.raises(CannotWrite):
        table.write([good], tmp_path / "none" / "t.csv", facts)
    with pytest.raises(BadData, match="'w' holds string"):
        table.write([pa.table({"w": ["x"]})], tmp_path / "t.npy", facts)
    assert not list(tmp_path.iterdir())


def test_array_files_are_tables_only_with_two_axes(tmp_path):
    np.savez(tmp_path / "pictures.npz", X=np.zeros((5, 8, 8), np.uint8), y=np.zeros(5))
    np.savez(tmp_path / "rows.npz", X=np.zeros((5, 8)), pictures=np.zeros((5, 8, 8), np.uint8))
    np.save(tmp_path / "rows.npy", np.zeros((5, 8)))
    assert [table.claims(str(tmp_path / name)) for name in ("pictures.npz", "rows.npz", "rows.npy", "rows.npz:pictures")] == [
        False,
        True,
        True,
        False,
    ]
    assert table.claims(str(tmp_path / "missing.npz"))


def test_infinity_is_told_with_the_file(tmp_path):
    (tmp_path / "far.csv").write_text("a,b\n1,2\ninf,3\n")
    with pytest.raises(BadData, match=r"far\.csv: column 'a' holds infinity .* row 1 "):
        table.learn(table.read(str(tmp_path / "far.csv")))
