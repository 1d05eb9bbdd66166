from typing import Any

import numpy as np
import pytest
import torch

from hourglass import Autoencoder, bits, files
from hourglass.errors import BadData, BadFile, BadOption, DamagedFile
from hourglass.model import Model, seeded
from hourglass.parts import Batch, find
from hourglass.uses import compress as use
from hourglass.uses import symbols

SETTINGS = {"network": "dense:widths=[]", "bottleneck": "plain", "loss": "gaussian", "code_size": 4, "members": 1}


def rows(count: int = 600, seed: int = 0) -> Batch:
    """Samples of four hidden numbers and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(count, 4, generator=generator) * torch.tensor([3.0, 2.0, 1.0, 0.5])
    mixing = torch.randn(4, 8, generator=torch.Generator().manual_seed(7))
    return Batch((hidden @ mixing + 0.01 * torch.randn(count, 8, generator=generator)).unflatten(1, (1, 8, 1)))


def trained(**settings: Any) -> Model:
    """A small network that knows `rows`; Adam takes a second for it."""
    facts = {"shape": [1, 8, 1], "fields": [["number", 0, 1]], "resolution": torch.zeros(1, 8, 1)}
    with seeded(0):
        model = Model.build("image", facts, SETTINGS | settings)
    optimizer, batch = torch.optim.Adam(model.parameters(), 0.02), rows()
    for _ in range(300):
        optimizer.zero_grad()
        (model.forward(batch).output - batch.x.repeat(model.members, 1, 1, 1)).square().sum().backward()
        optimizer.step()
    model.train(False)
    model.arrays = use.prepare(model, batch, batch)
    return model


@pytest.fixture(scope="module")
def model() -> Model:
    return trained()


def error(model: Model, data: bytes, batch: Batch) -> float:
    return float((use.decompress(model, data) - batch.x).square().mean())


def test_best_quality_is_what_the_network_can_do(model: Model, untouched_generators: None) -> None:
    batch = rows(seed=1)
    back = use.decompress(model, use.compress(model, batch, 100))
    assert isinstance(back, torch.Tensor)
    assert back.shape == batch.x.shape
    with torch.no_grad():
        ideal = model.reconstruct(batch)
    assert (back - ideal).abs().max() < 0.2
    assert (back - batch.x).square().mean() < 0.01 * batch.x.square().mean()


def test_more_quality_costs_more_and_is_better(model: Model) -> None:
    batch = rows(seed=1)
    packed = [use.compress(model, batch, quality) for quality in (0, 20, 40, 60, 80, 100)]
    sizes, errors = [len(data) for data in packed], [error(model, data, batch) for data in packed]
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)
    assert errors[0] > 20 * errors[-1]


def test_bytes_are_near_the_entropy_of_the_symbols(model: Model) -> None:
    batch, quality = rows(2000, seed=1), 60
    offsets, steps, _ = use._learned(model, 2.0 ** ((100 - quality) * use.OCTAVES / 100))
    symbols = use._rounded((use._codes(use._exact(model), batch) - offsets) / steps)
    entropy = 0.0
    for unit in range(4):
        share = torch.unique(symbols[:, unit], return_counts=True)[1] / 2000
        entropy -= float((share * share.log2()).sum()) * 2000
    assert len(use.compress(model, batch, quality)) < 1.08 * entropy / 8 + 400


def test_codes_come_back_exactly(model: Model) -> None:
    batch = rows(300, seed=2)
    offsets, steps, tables = use._learned(model, 3.7)
    symbols = use._rounded((use._codes(use._exact(model), batch) - offsets) / steps)
    samples = use._samples(use._exact(model), use._chunk(bits.pack(symbols, tables), None), 300, (offsets, steps, tables))
    codes = (offsets + steps * symbols).float()
    with torch.no_grad():
        assert torch.allclose(samples.x, model.loss.data(model.decode(codes)), atol=1e-4)


def test_far_values_and_no_rows(model: Model) -> None:
    far = Batch(torch.cat([rows(3).x * 1e6, torch.zeros(1, 1, 8, 1)]))
    back = use.decompress(model, use.compress(model, far, 90))
    assert (back - far.x).abs().max() < 0.05 * far.x.abs().max()
    assert use.decompress(model, use.compress(model, rows(0))).shape == (0, 1, 8, 1)
    with pytest.raises(BadData, match="not finite"):
        use.compress(model, Batch(torch.full((1, 1, 8, 1), torch.inf)))


def test_another_model_is_refused_by_name(model: Model) -> None:
    other = trained(code_size=3)
    other.record["name"] = "lighthouse"
    data = use.compress(model, rows(10))
    with pytest.raises(BadFile, match=f"'image model {use.fingerprint(model)[:8]}', not with 'lighthouse'"):
        use.decompress(other, data)


def test_fingerprint_survives_saving_and_sees_weights_and_facts(model: Model, tmp_path: Any) -> None:
    files.write_model(model, tmp_path / "m.hourglass")
    loaded = files.read_model(tmp_path / "m.hourglass")
    assert use.fingerprint(loaded) == use.fingerprint(model)
    batch = rows(50)
    assert torch.equal(use.decompress(loaded, use.compress(model, batch)), use.decompress(model, use.compress(loaded, batch)))
    loaded.arrays["detect.threshold"] = torch.ones(1)
    assert use.fingerprint(loaded) == use.fingerprint(model)
    loaded.facts["names"] = ["x"]
    assert use.fingerprint(loaded) != use.fingerprint(model)


def test_damaged_chunk_is_named_and_the_rest_salvaged(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use, "CHUNK", 100)
    batch = rows(250)
    data = bytearray(use.compress(model, batch))
    whole = use.decompress(model, bytes(data))
    data[-1] ^= 4
    with pytest.raises(DamagedFile, match="chunk 3 of 3"):
        use.decompress(model, bytes(data))
    with pytest.warns(UserWarning, match="50 of 250 samples are lost"):
        saved = use.decompress(model, bytes(data), salvage=True)
    assert isinstance(saved, Batch)
    assert torch.equal(saved.x[:200], whole[:200])
    assert saved.mask is not None
    assert saved.mask[:200].all()
    assert not saved.mask[200:].any()
    assert saved.x[200:].isnan().all()


def test_mask_comes_back(model: Model) -> None:
    x = rows(70).x
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) > 0.3
    back = use.decompress(model, use.compress(model, Batch(x, mask)))
    assert isinstance(back, Batch)
    assert back.mask is not None
    assert torch.equal(back.mask, mask)


def test_one_of_several_members_suffices() -> None:
    model, batch = trained(members=3), rows(seed=1)
    assert error(model, use.compress(model, batch, 100), batch) < 0.01 * float(batch.x.square().mean())


class Halve(torch.nn.Module):
    """(B, 1, 8, 1) to (B, 2, 4, 1): a spatial code that loses nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * torch.cat([x[:, :, ::2], x[:, :, 1::2]], 1)


class Double(torch.nn.Module):
    """The way back."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.transpose(1, 2).reshape(len(z), 1, 8, 1)


def test_spatial_codes_share_a_table_per_channel() -> None:
    parts = {"halve": lambda shape, *, code_size: (Halve(), (2, 4, 1)), "double": lambda code_shape, shape, outputs: Double()}
    facts = {"shape": [1, 8, 1], "resolution": torch.zeros(1, 8, 1)}
    model = Model.build("image", facts, SETTINGS | {"network": "own:encoder=halve,decoder=double", "code_size": 2}, parts)
    model.arrays = use.prepare(model, rows(), rows())
    assert model.arrays["compress.tables"].shape == (2, use.LEVELS)
    batch = rows(seed=1)
    assert error(model, use.compress(model, batch, 100), batch) < 1e-3 * float(batch.x.square().mean())


@pytest.mark.parametrize("quality", [-1, 101, float("nan"), "high", None, True])
def test_bad_quality(model: Model, quality: Any) -> None:
    with pytest.raises(BadOption, match="0"):
        use.compress(model, rows(2), quality)


def test_a_model_that_never_learned_to_compress_says_so() -> None:
    facts = {"shape": [1, 8, 1], "resolution": torch.zeros(1, 8, 1)}
    with seeded(0):
        model = Model.build("image", facts, SETTINGS)
    with pytest.raises(BadData, match="fit again"):
        use.compress(model, rows(2))


@pytest.mark.parametrize(
    "change",
    [{"rows": 10**15}, {"rows": -1}, {"rows": None}, {"chunk": 0}, {"scale": 1e300}, {"scale": "1"}, {"shape": [9]}, {"codec": "codes-9"}],
)
def test_hostile_header(model: Model, change: dict[str, Any]) -> None:
    header, chunks = bits.read_container(use.compress(model, rows(10)))
    with pytest.raises(BadFile):
        use.decompress(model, bits.write_container(header | change, chunks))


def test_hostile_chunks_with_the_right_checksum(model: Model) -> None:
    mask = torch.ones(10, 1, 8, 1, dtype=torch.bool)
    header, (chunk,) = bits.read_container(use.compress(model, Batch(rows(10).x, mask)))
    for place in range(len(chunk)):
        for changed in (chunk[:place], chunk[:place] + bytes([chunk[place] ^ 0x55]) + chunk[place + 1 :]):
            data = bits.write_container(header, [changed])
            try:
                back = use.decompress(model, data)
            except DamagedFile:
                continue
            assert (back.x if isinstance(back, Batch) else back).shape == (10, 1, 8, 1)


def test_the_number_of_threads_does_not_show(model: Model) -> None:
    data, before = use.compress(model, rows(5000)), torch.get_num_threads()
    one = use.decompress(model, data)
    try:
        torch.set_num_threads(3)
        assert torch.equal(use.decompress(model, data), one)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("bottleneck", ["vector", "vector:codebook=16,stages=2", "vector:style=scalar", "vector:codebook=5000"])
@pytest.mark.parametrize("network", ["dense:widths=[16]", "conv:widths=[4],code=spatial"])
def test_symbols_come_back_to_the_bit(bottleneck: str, network: str) -> None:
    random = np.random.default_rng(0)
    pictures = (16 * (np.cumsum(random.normal(size=(300, 8, 8)), 1) + 8)).clip(0, 255).astype("uint8")
    fitted = Autoencoder(network=network, bottleneck=bottleneck, code_size=4, epochs=3, kind="image", random_state=0).fit(pictures)
    model = fitted.model_
    batch = find("kinds", "image").to_tensor(pictures, model.facts)
    batch = Batch(batch.x.double() / (255 if batch.x.dtype == torch.uint8 else 1))
    data = use.compress(model, batch, 30)
    assert bits.read_container(data)[1] == bits.read_container(use.compress(model, batch, 90))[1]  # symbols know no quality
    assert bits.read_container(data)[0]["codec"] == "symbols-1"
    back = use.decompress(model, data)
    assert isinstance(back, torch.Tensor)
    with torch.no_grad():
        assert torch.equal(back, model.double().reconstruct(batch).float())
    cost = float(model.double().encode(batch).cost.sum()) / np.log(2) / 8
    assert len(data) < 1.5 * cost + 900


def test_symbols_of_members_and_symbols_that_do_not_exist() -> None:
    model, batch = trained(bottleneck="vector:codebook=4,groups=2", members=2), rows(40)
    back = use.decompress(model, use.compress(model, batch))
    with torch.no_grad():
        exact = model.double()
        ours = exact.first(exact.loss.data(exact.forward(Batch(batch.x.double())).output))  # type: ignore[operator]
    assert torch.equal(back, ours.float())  # type: ignore[arg-type]
    header, chunks = bits.read_container(use.compress(model, batch))
    forged = bits.pack(torch.full((40, 2), 9), symbols.tables(model))
    with pytest.raises(DamagedFile, match="symbols that this model does not have"):
        use.decompress(model, bits.write_container(header, [use._chunk(forged, None)]))
    with pytest.raises(DamagedFile, match="contradicts"):
        use.decompress(model, bits.write_container(header | {"codec": "codes-1"}, chunks))  # type: ignore[arg-type]
    with pytest.raises(BadData, match="not finite"):
        use.compress(model, Batch(torch.full((1, 1, 8, 1), torch.inf)))
