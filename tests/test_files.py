import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from hourglass import files
from hourglass.errors import BadFile, CannotWrite, DamagedFile, NewerFile
from hourglass.model import Model, seeded
from hourglass.parts import Batch

FACTS = {
    "shape": [2, 3],
    "fields": [["number", 0, 2]],
    "resolution": torch.full((2, 3), 0.01),
    "columns": {"tensor": "number"},
    "odd": {"plain": {"tensor": [1, 2]}},
    "scales": [torch.arange(3, dtype=torch.float64), {"a": {"b": torch.zeros(0)}, "a.b": torch.tensor(7)}],
    "nothing": None,
}
SETTINGS = {"network": "dense:widths=[5],activation=tanh", "bottleneck": "plain", "loss": "gaussian", "code_size": 2, "members": 1}


def build(parts: Any = None, **settings: Any) -> Model:
    with seeded(3):
        model = Model.build("image", FACTS, SETTINGS | settings, parts)
    model.arrays = {"detect.scores": torch.arange(4.0), "compress.tables": torch.ones(2, 3, dtype=torch.int32)}
    model.record = {"epochs": [{"loss": 1.5}], "steps": np.int64(12)}
    return model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    files.write_model(build(), tmp_path / "a.hourglass")
    return tmp_path / "a.hourglass"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("settings", [{}, {"members": 3}, {"bottleneck": "gaussian:beta=4"}, {"network": "dense:beside=false"}])
def test_round_trip_is_exact(tmp_path: Path, settings: dict[str, Any], untouched_generators: None) -> None:
    model = build(**settings)
    files.write_model(model, tmp_path / "m.hourglass")
    loaded = files.read_model(tmp_path / "m.hourglass")
    assert same(dict(model.modules().state_dict()), dict(loaded.modules().state_dict()))
    for name in ("kind", "facts", "settings", "arrays", "record", "code_shape"):
        assert same(getattr(model, name), getattr(loaded, name)), name
    assert not loaded.encoder.training
    assert all(weights.requires_grad for weights in loaded.encoder.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["m.hourglass"]


def test_other_precision_comes_back(tmp_path: Path) -> None:
    model = build().to(torch.float64)
    files.write_model(model, tmp_path / "m.hourglass")
    loaded = files.read_model(tmp_path / "m.hourglass")
    assert same(dict(model.modules().state_dict()), dict(loaded.modules().state_dict()))


def test_long_descriptions_leave_the_header_small(tmp_path: Path) -> None:
    model = build()
    model.record = {"epochs": [{"loss": i / 7} for i in range(100_000)]}
    files.write_model(model, tmp_path / "m.hourglass")
    data = (tmp_path / "m.hourglass").read_bytes()
    assert int.from_bytes(data[:8], "little") < 1_000_000
    assert files.read_model(tmp_path / "m.hourglass").record == model.record
    assert files.inspect(tmp_path / "m.hourglass")["record"] == model.record


def test_inspect_reads_the_header(saved: Path) -> None:
    told = files.inspect(saved)
    assert told["kind"] == "image"
    assert told["settings"] == SETTINGS
    assert told["facts"]["resolution"] == {"tensor": "facts.resolution"}
    assert told["record"]["steps"] == 12
    assert told["weights"] == sum(weights.numel() for weights in build().modules().state_dict().values())
    assert told["arrays"] == {"detect.scores": [4], "compress.tables": [2, 3]}
    assert told["bytes"] == saved.stat().st_size


# The user's own network


def own_encoder(shape: Any, *, code_size: int) -> Any:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, code_size)), (code_size,)


def own_decoder(code_shape: Any, shape: Any, outputs: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(code_shape[0], 6), torch.nn.Unflatten(1, tuple(shape)))


def test_own_network_needs_its_factories(tmp_path: Path) -> None:
    parts = {"mine": own_encoder, "yours": own_decoder}
    model = build(parts, network="own:encoder=mine,decoder=yours")
    files.write_model(model, tmp_path / "m.hourglass")
    x = torch.ones(1, 2, 3)
    assert torch.equal(files.read_model(tmp_path / "m.hourglass", parts).encode(Batch(x)).z, model.encode(Batch(x)).z)
    with pytest.raises(BadFile, match="'yours'"):
        files.read_model(tmp_path / "m.hourglass", {"mine": own_encoder})


# Files that are no models


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(50), "zip.*never opened"),
        (b"\x80\x04\x95" + bytes(50), "pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"a,b\n1,2\n", "plain text"),
        (safetensors.torch.save({"x": torch.zeros(2)}), "another program"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(data)
    for reader in (files.read_model, files.inspect):
        with pytest.raises(BadFile, match=words):
            reader(tmp_path / "x")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        files.read_model(tmp_path / "none.hourglass")
    with pytest.raises(BadFile):
        files.read_model(tmp_path)


def tampered(saved: Path, change: Any = None, tensors: Any = None, seal: bool = True) -> Path:
    """A file changed as an attacker would: metadata through `change`, tensors through `tensors`, and (`seal`) the checksum made right."""
    data = saved.read_bytes()
    size = int.from_bytes(data[:8], "little")
    metadata, held = json.loads(data[8 : 8 + size])["__metadata__"], safetensors.torch.load(data)
    if tensors:
        tensors(held)
    if change:
        change(metadata)
    if seal:
        metadata.pop("checksum")
        metadata["checksum"] = files.digest(metadata, held)
    path = saved.with_name("tampered.hourglass")
    path.write_bytes(safetensors.torch.save(held, metadata))
    return path


def edited(name: str, **changes: Any) -> Any:
    def change(metadata: dict[str, str]) -> None:
        metadata[name] = json.dumps(json.loads(metadata[name]) | changes)

    return change


def test_later_format_says_upgrade(saved: Path) -> None:
    path = tampered(saved, lambda metadata: metadata.update(hourglass_format="2", written_by="9.9"))
    with pytest.raises(NewerFile, match=r"hourglass 9\.9, format 2; this is format 1: upgrade"):
        files.read_model(path)


def test_one_changed_weight_is_found(saved: Path) -> None:
    def nudge(held: dict[str, torch.Tensor]) -> None:
        held["encoder.stack.layers.0.weight"][0, 0] += 1e-6

    with pytest.raises(DamagedFile, match="altered"):
        files.read_model(tampered(saved, tensors=nudge, seal=False))
    assert files.read_model(tampered(saved, tensors=nudge)).kind == "image"  # sealed again it is a model: the checksum is no signature


@pytest.mark.parametrize("setting", ["code_size", "members", "network", "bottleneck", "loss"])
@pytest.mark.parametrize("value", [None, -1, 0, 10**12, 2**64, True, 1.5, "x", [], {}, "os.system:1", "../dense", "plain:9", "__init__"])
def test_hostile_settings(saved: Path, setting: str, value: Any) -> None:
    begin = time.perf_counter()
    with pytest.raises(BadFile):
        files.read_model(tampered(saved, edited("settings", **{setting: value})))
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize(
    "network",
    [
        "dense:widths=[65536,65536,65536,65536]",
        "dense:widths=[1000000000000]",
        "dense:widths=[-5]",
        f"dense:widths=[{','.join(['1'] * 1900)}]",
        "dense:widths=" + "[" * 1900,
        "dense:widths=" + "[" * 1900 + "]" * 1900,
        "[" * 1_000_000,
        "dense:widths=[" + "9" * 3900 + "]",
        "dense:activation=__class__",
        "dense:activation=eval",
        "conv",
        "own:encoder=os.system,decoder=os.system",
        "own",
    ],
)
def test_hostile_networks_are_refused_quickly(saved: Path, network: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(BadFile):
        files.read_model(tampered(saved, edited("settings", network=network)))
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize(
    "facts",
    [
        {"shape": [10**12]},
        {"shape": [0, 3]},
        {"shape": [-1, -6]},
        {"shape": []},
        {"shape": "23"},
        {"shape": [2.0, 3]},
        {"shape": [65536, 65536, 65536]},
        {"shape": [3, 2, 2]},
        {"shape": {"tensor": "facts.resolution"}},
        {"resolution": {"tensor": "nowhere"}},
        {"resolution": {"tensor": ["x"]}},
        {"resolution": "x"},
        {"fields": [["number", 0, 10**12]]},
        {"fields": [["number", 0, 2], ["flag", 1, 1]]},
        {"fields": [["number", -1, 2]]},
        {"fields": {"number": 2}},
    ],
)
def test_hostile_facts(saved: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(BadFile):
        files.read_model(tampered(saved, edited("facts", **facts)))


@pytest.mark.parametrize("text", ["[" * 50_000, "null", "[]", "1", '"x"', "{", "NaN", '{"a":' * 3000 + "1" + "}" * 3000])
@pytest.mark.parametrize("name", ["settings", "facts", "record"])
def test_nested_bombs_and_wrong_types(saved: Path, name: str, text: str) -> None:
    with pytest.raises(BadFile):
        files.read_model(tampered(saved, lambda metadata: metadata.update({name: text})))


@pytest.mark.parametrize(
    "tensors",
    [
        lambda held: held.pop("encoder.stack.layers.0.weight"),
        lambda held: held.update({"encoder.more": torch.zeros(1)}),
        lambda held: held.update({"encoder.stack.layers.0.weight": torch.zeros(7, 7)}),
        lambda held: held.update({"encoder.stack.layers.0.weight": torch.zeros(5, 6, dtype=torch.int64)}),
        lambda held: held.update({"texts.facts": torch.zeros(5)}),
    ],
)
def test_weights_that_do_not_fit(saved: Path, tensors: Any) -> None:
    with pytest.raises(BadFile):
        files.read_model(tampered(saved, tensors=tensors))


def test_a_bomb_of_modules_is_stopped_while_it_is_built(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def endless(shape: Any, **options: Any) -> Any:
        chain = torch.nn.Sequential()
        for _ in range(10**6):
            chain.append(torch.nn.ReLU())
            built.append(1)
        return chain, (2,)

    monkeypatch.setattr("hourglass.networks.dense.encoder", endless)
    with pytest.raises(BadFile):
        files.read_model(saved)
    assert 0 < len(built) < 100_000


def test_random_damage_is_always_found(saved: Path) -> None:
    whole, model = saved.read_bytes(), files.read_model(saved)
    generator, path = np.random.default_rng(0), saved.with_name("damaged.hourglass")
    head = 8 + int.from_bytes(whole[:8], "little")
    begin = time.perf_counter()
    for case in range(400):
        data = bytearray(whole[: generator.integers(len(whole))] if case % 4 == 0 else whole)
        for _ in range(generator.integers(1, 4) if case % 4 else 0):
            data[generator.integers(head if case % 4 == 1 else len(data))] ^= 1 << generator.integers(8)
        path.write_bytes(data)
        try:
            loaded = files.read_model(path)
        except BadFile:
            continue
        assert bytes(data) == whole or same(model.facts, loaded.facts)  # e.g. blanks behind the header
        assert same(dict(model.modules().state_dict()), dict(loaded.modules().state_dict()))
    assert time.perf_counter() - begin < 30


def mutated(value: Any, generator: np.random.Generator) -> Any:
    """A JSON value with one thing in it replaced."""
    wild = [
        None,
        True,
        -1,
        0,
        10**12,
        2**70,
        1e308,
        float("nan"),
        "",
        "x" * 5000,
        [],
        {},
        [[[[]]]],
        {"tensor": "arrays.detect.scores"},
        "gaussian",
    ]
    if isinstance(value, dict | list) and value and generator.random() < 0.85:
        place = generator.choice(list(value)) if isinstance(value, dict) else int(generator.integers(len(value)))
        copy = value.copy()
        copy[place] = mutated(value[place], generator)
        return copy
    return wild[generator.integers(len(wild))]


def test_mutated_descriptions_with_the_right_checksum(saved: Path) -> None:
    generator = np.random.default_rng(1)
    begin, refused = time.perf_counter(), 0
    for case in range(300):
        name = ("settings", "facts", "record")[case % 3]

        def change(metadata: dict[str, str], name: str = name) -> None:
            metadata[name] = json.dumps(mutated(json.loads(metadata[name]), generator))

        try:
            files.read_model(tampered(saved, change))
        except BadFile:
            refused += 1
    assert refused > 100
    assert time.perf_counter() - begin < 30


# Writing


def test_atomic_replaces_whole_files_only(tmp_path: Path) -> None:
    goal = tmp_path / "x.csv"
    goal.write_text("old")
    with contextlib.suppress(KeyError), files.atomic(goal) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert goal.read_text() == "old"
    with files.atomic(goal) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
        assert goal.read_text() == "old"
    assert goal.read_text() == "new"
    assert list(tmp_path.iterdir()) == [goal]


def test_cannot_write_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    model = build()
    for path, words in [
        ("folder", "a folder of this name"),
        ("none/x", "does not exist; make it first"),
        ("file/x", "is a file"),
        ("n" * 300, "too long"),
    ]:
        with pytest.raises(CannotWrite, match=words):
            files.write_model(model, tmp_path / path)
    with pytest.raises(CannotWrite, match="--force"):
        files.write_model(model, tmp_path / "file", force=False)
    assert (tmp_path / "file").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_no_space_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotWrite, match="no space is left"):
        files.write_model(build(), "/dev/full")
    assert os.path.exists("/dev/full")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="no space is left"):
        files.write_model(build(), tmp_path / "m.hourglass")
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with files.atomic(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
