"""The kind text: symbols and back, what is learned, and every sort of strings that Python has."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hourglass import kinds
from hourglass.errors import BadData, BadOption, BadType
from hourglass.kinds import _text_parts as parts
from hourglass.kinds import table, text

SCRIPTS = ["plain", "naïve", "Ελληνικά", "русский", "中文字符", "हिन्दी", "עברית", "👩‍👩‍👧 family", "", " ", "a\tb", "nul\0nul"]


def learned(rows, **options):
    pieces = text.read(rows)
    return pieces.load(0), text.learn(pieces, **options)


def test_a_sample_is_its_bytes_then_the_end_then_padding():
    chunk, facts = learned(["abc", "", "12345678", "é"], length=8)
    batch = text.to_tensor(chunk, facts)
    assert batch.x.dtype == torch.int64
    assert batch.x[0].tolist() == [97, 98, 99, 256, 0, 0, 0, 0]
    assert batch.mask[0].tolist() == [True] * 4 + [False] * 4
    assert batch.x[1].tolist() == [256] + [0] * 7
    assert batch.mask[1].sum() == 1
    assert batch.x[2].tolist() == list(b"12345678")  # no room for an end
    assert batch.mask[2].all()
    assert batch.x[3, :3].tolist() == [0xC3, 0xA9, 256]
    assert not batch.x[~batch.mask].any()


def test_facts():
    _, facts = learned(["abc", "de", ""])
    assert facts["shape"] == [8]
    assert facts["symbols"] == 257
    assert facts["fields"] == [["symbol", 0, 8]]
    assert facts["resolution"].shape == (8,)
    assert facts["cut"] is True
    assert facts["reading"] == "3 texts, 0 to 3 bytes"
    assert facts["counts"][ord("a")] == 1
    assert text.element_names(facts) == [f"byte {i}" for i in range(1, 9)]
    assert text.labels(["a"], facts) is None


@pytest.mark.parametrize(
    ("lengths", "size"),
    [([7] * 100, 8), ([8] * 100, 16), ([1] * 99 + [5000], 8), ([1] * 97 + [60] * 3, 64), ([300] * 10, 128), ([127] * 10, 128)],
)
def test_the_length_is_that_of_99_of_100_rows(lengths, size):
    _, facts = learned(["x" * length for length in lengths])
    assert facts["shape"] == [size]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 64])
def test_every_script_comes_back_exactly(length):
    rows = [*SCRIPTS, "word " * 40, "字" * 50, "\udcff broken \udc80"]
    chunk, facts = learned(rows, length=length)
    batch, layout = text.cut(chunk, facts)
    assert text.join(batch.x, facts, layout, like=chunk) == rows
    assert text.from_tensor(batch.x, facts, like=chunk) == rows
    assert text.join(batch.x.double(), facts, layout, like=chunk) == rows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.integers(1, 20))
def test_any_bytes_come_back_exactly(rows, length):
    texts = [row.decode("utf-8", "surrogateescape") for row in rows]
    facts = {"shape": [length], "unit": "texts", "newline": "\n"}
    batch, layout = text.cut(texts, facts)
    assert [row.encode("utf-8", "surrogateescape") for row in text.join(batch.x, facts, layout, like=texts)] == rows


def test_long_texts_are_cut_after_spaces_and_never_inside_a_letter():
    chunk, facts = learned(["the quick brown fox jumps", "字字字字字字字"], length=10)
    parts = text.from_tensor(text.to_tensor(chunk, facts).x, facts)
    assert parts == ["the quick ", "brown fox ", "jumps", "字字字", "字字字", "字"]


def test_a_long_single_line_is_cut_quickly():
    chunk, facts = learned(["lorem ipsum dolor " * 60_000, "x" * 1_000_000, "short"])
    batch, layout = text.cut(chunk, facts)
    assert text.join(batch.x, facts, layout, like=chunk) == chunk
    assert len(layout["several"]) == 2


def test_training_names_rows_and_shares():
    pieces = text.read(["one two three four", "", "five"])
    facts = text.learn(pieces, length=8)
    found = text.training(pieces.load(0), facts, np.random.default_rng(0))
    batch = text.cut(pieces.load(0), facts)[0]
    assert torch.equal(found.samples.x, batch.x)
    assert found.source.tolist() == [0, 0, 0, 1, 2]
    assert found.begin[0] == 0
    assert found.end[2] == 1
    torch.testing.assert_close(found.begin[1:3], found.end[:2])
    assert (found.begin[3:].tolist(), found.end[3:].tolist()) == ([0, 0], [1, 1])


def test_rows_are_numbered_over_all_pieces():
    pieces = text.read(["a"] * 65_536 + ["b"] * 2)
    assert pieces.counts == [65_536, 2]
    facts = text.learn(pieces)
    assert text.training(pieces.load(1), facts, np.random.default_rng(0)).source.tolist() == [65_536, 65_537]
    assert text.CONTINUES


def test_values_of_parts_are_spread_over_rows():
    chunk, facts = learned(["one two three four", "", "five"], length=8)
    _, layout = text.cut(chunk, facts)
    assert text.spread(np.array([1.0, 2, 6, 4, 5], np.float32), facts, layout).tolist() == [3, 4, 5]


def test_new_samples_end_at_their_first_end_and_are_readable():
    values = torch.tensor([[104, 105, 256, 65], [256, 65, 65, 65], [0xFF, 65, 66, 67], [0xC3, 0xA9, 0xC3, 256]])
    _, facts = learned(["abc"], length=4)
    assert text.from_tensor(values, facts) == ["hi", "", "\ufffdABC", "é\ufffd"]


def test_parts_that_are_missing_are_an_error():
    chunk, facts = learned(["one two three four", "five"], length=8)
    batch, layout = text.cut(chunk, facts)
    with pytest.raises(BadData, match=r"3 parts for 4 .* give all parts"):
        text.join(batch.x[:3], facts, layout)


@pytest.mark.parametrize(
    "source",
    [
        ["a", "", "ü"],
        ("a", "", "ü"),
        np.array(["a", "", "ü"]),
        np.array(["a", "", "ü"], dtype=object),
        np.array(["a", "", "ü"], dtype=np.dtypes.StringDType()),
        pd.Series(["a", "", "ü"], index=[5, 7, 9], name="words"),
        pd.Series(["a", "", "ü"], dtype=object),
        pd.Series(["a", "", "ü"], dtype="string"),
        pd.Series(["a", "", "ü"], dtype="category"),
        pl.Series("words", ["a", "", "ü"]),
        pa.array(["a", "", "ü"]),
        pa.array(["a", "", "ü"]).dictionary_encode(),
        pa.chunked_array([["a"], ["", "ü"]], pa.large_string()),
    ],
    ids=lambda source: f"{type(source).__module__}-{getattr(source, 'dtype', '')}",
)
def test_strings_of_all_sorts(source):
    assert text.claims(source) == 1
    assert kinds.infer(source) == "text"
    pieces = text.read(source)
    back = text.restore(text.from_tensor(text.to_tensor(pieces.load(0), facts := text.learn(pieces)).x, facts, pieces.load(0)), source)
    others = {tuple: list, pa.DictionaryArray: pa.StringArray}
    assert isinstance(back, others.get(type(source), type(source)))
    assert list(back.to_pylist() if hasattr(back, "to_pylist") else back) == ["a", "", "ü"]
    if isinstance(source, pd.Series):
        assert back.index.equals(source.index)
        assert back.name == source.name


@pytest.mark.parametrize("library", [pd, pl])
def test_a_frame_of_one_column(library):
    frame = library.DataFrame({"words": ["a", "b"]})
    pieces = text.read(frame)
    back = text.restore(text.from_tensor(text.to_tensor(pieces.load(0), facts := text.learn(pieces)).x, facts), frame)
    assert type(back) is type(frame)
    assert back.equals(frame)
    assert not text.claims(frame)  # a table, unless the kind is named
    with pytest.raises(BadOption, match=r"texts are one column; this frame has 2 \(a, b\)"):
        text.read(library.DataFrame({"a": ["x"], "b": ["y"]}))


def test_missing_texts_are_empty_and_told():
    chunk, facts = learned(pd.Series(["a", None, np.nan], dtype=object))
    assert chunk == ["a", "", ""]
    assert "2 of 3 texts are missing; they are read as empty ones" in facts["notes"]


def test_what_is_no_text():
    with pytest.raises(BadType, match=r"number 1 \(counted from 0\) is 3 \(int\)"):
        text.read(["a", 3]).load(0)
    with pytest.raises(BadType, match="this is a int"):
        text.read(3)
    with pytest.raises(BadData, match="the list is empty"):
        text.read([])
    with pytest.raises(BadData, match=r"shape \(2, 2\)"):
        text.read(np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(BadType, match="this is str"):
        text.to_tensor("abc", {"shape": [4]})
    for rows, told in ((["", ""], "all 2 texts are empty"), ([" ", "\t"], "nothing but whitespace")):
        with pytest.raises(BadData, match=told):
            learned(rows)


@pytest.mark.parametrize("length", [0, -8, 2.5, True, "long", 100_000])
def test_lengths_that_are_none(length):
    with pytest.raises(BadOption, match="a whole number from 1 to 65536"):
        learned(["a"], length=length)


def test_a_unit_that_is_none():
    with pytest.raises(BadOption, match="did you mean 'lines'"):
        text.read(["a"], unit="line")


def test_bytes_that_are_no_utf8_are_kept_or_refused():
    rows = ["fine", "caf\udce9", "\udcff\udcfe"]
    chunk, facts = learned(rows)
    assert chunk == rows
    assert any("3 bytes in 2 texts are no UTF-8, the first in text 1 (counted from 0)" in note for note in facts["notes"])
    assert text.restore(chunk, rows) == ["fine", "caf\ufffd", "\ufffd\ufffd"]
    with pytest.raises(BadData, match=r"text 1 .* 0xe9 after 3 letters; convert the text to UTF-8, or leave strict=False"):
        text.read(rows, strict=True).load(0)
    assert text.read([b"caf\xe9"]).load(0) == ["caf\udce9"]
    lone = text.read(["\ud800!"])
    text.to_tensor(lone.load(0), text.learn(lone))  # half a pair of surrogates does no harm


def test_empty_texts_are_told_where_there_are_many():
    assert learned(["a", ""])[1]["notes"] == ["1 of 2 texts are empty; each is kept as a row of its own"]
    assert learned(["a"] * 50 + [""])[1]["notes"] == []


def test_described():
    told = dict(text.describe(learned(["a b", "a\nü"])[1]))
    assert told["texts"] == "2 texts, 3 to 4 bytes"
    assert told["bytes"].startswith("6 of 256 seen, most often a newline space b")
    assert told["bytes"].endswith("% of them outside ASCII")


def test_claims_of_lists():
    assert text.claims(["see the file notes.txt", "x" * 100_000]) == 1
    assert text.claims(["example.com", "hourglass.org"]) == 1
    assert kinds.infer(["to be", "x" * 100_000, "a\0b"]) == "text"
    assert not text.claims([])
    assert not text.claims([1, 2])
    assert not text.claims(np.ones(3))
    assert not text.claims(np.array([["a"]]))
    assert not text.claims(pd.Series([1, 2]))
    assert not text.claims(["no/such.png"])
    assert not table.claims(["some text", "x" * 100_000])


def test_nothing_is_said_aloud_by_the_kind_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned(["\udcff", ""])


def test_unusual_texts_are_told_by_their_bytes():
    chunk, facts = learned(["one two three four", "", "abc"], length=8)
    batch, layout = text.cut(chunk, facts)
    residuals = torch.ones(batch.x.shape)
    residuals[1, 2] = 9.0  # the third byte of the second part, "two "
    told = text.because(residuals, ["one two three four", "x", "abd"], chunk, facts, layout, [0, 1, 2])
    assert [len(part) for part in parts.broken(b"one two three four", 8)] == [8, 6, 4]
    assert told == [
        "'two three fou' at byte 11 does not fit the rest",
        "no text, expected 'x'",
        "'abc' at byte 2 is least expected; 'abd' would be usual",
    ]
    assert text.places(chunk, facts) == {"text": chunk}
    assert text.places(["a\n" * 100], facts)["text"] == ["a " * 30 + "…"]
