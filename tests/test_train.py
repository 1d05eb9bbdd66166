from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from hourglass import train
from hourglass.budget import Progress, Record, Schedule
from hourglass.errors import BadOption, TrainingFailed
from hourglass.flat import Local, Objective
from hourglass.parts import Batch
from hourglass.train import Loop


class Rows:
    """Five batches an epoch of one row each."""

    def __init__(self, steps: int = 5) -> None:
        self.count = steps

    def steps(self) -> int:
        return self.count

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        for step in range(skip, self.count):
            yield Batch(torch.tensor([[1.0 + 0.01 * ((epoch * self.count + step) % 7)]]))


def objective(weight: nn.Parameter, ceiling: float = math.inf, poison: int = -1) -> Objective:
    """(weight - x)^2, from a certain call on not a number."""
    calls = [0]

    def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        calls[0] += 1
        loss = (weight - batch.x).square().sum()
        return (loss * torch.nan if calls[0] == poison else loss), torch.zeros(())

    return Objective([weight], [], lower, ceiling=ceiling)


def loop(weight: nn.Parameter, epochs: int = 20, rate: float = 0.05, **options: float) -> Loop:
    return Loop([objective(weight, **options)], Rows(), Schedule(rate, epochs), torch.Generator().manual_seed(0))  # type: ignore[arg-type]


def run(training: Loop) -> list[Record]:
    records = list(training)
    training.finish()
    return records


def test_it_lowers_and_tells_every_epoch() -> None:
    weight = nn.Parameter(torch.zeros(1))
    records = run(loop(weight))
    assert [record.epoch for record in records] == list(range(1, 21))
    assert records[-1].fraction == 1
    assert records[-1].training < 0.1 * records[0].training
    assert abs(weight.item() - 1) < 0.2


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    schedule = Schedule(1.0, 10)
    assert schedule.rate(0) < 0.1
    assert schedule.rate(0.02) > 0.99
    assert schedule.rate(1.0) == pytest.approx(0)


def test_minutes_are_kept() -> None:
    slow = nn.Parameter(torch.zeros(1))
    training = Loop([objective(slow)], Rows(), Schedule(0.01, minutes=0.3 / 60), torch.Generator())
    begun = time.monotonic()
    records = run(training)
    assert 0.25 < time.monotonic() - begun < 1
    assert records[-1].fraction == 1


def test_minutes_are_kept_where_looking_at_held_out_samples_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [0.0], [0]

    def judged() -> tuple[float, float]:
        clock[0], looks[0] = clock[0] + 1.0, looks[0] + 1
        return 1.0, 0.0

    class Slow(Rows):
        def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
            for batch in super().batches(epoch, skip):
                clock[0] += 0.02
                yield batch

    monkeypatch.setattr(train, "time", type("Time", (), {"monotonic": staticmethod(lambda: clock[0])}))
    training = Loop([objective(nn.Parameter(torch.zeros(1)))], Slow(50), Schedule(0.01, minutes=0.5), torch.Generator(), judged)
    records = run(training)
    assert 29 < clock[0] < 31
    assert 2 <= looks[0] <= 5
    assert records[-1].held_out is not None


def test_a_value_that_is_no_number_is_mended_and_said() -> None:
    weight = nn.Parameter(torch.zeros(1))
    records = run(loop(weight, poison=40))
    told = [record.trouble for record in records if record.trouble]
    assert len(told) == 1
    assert "non-finite values" in told[0]
    assert "0.005" in told[0]
    assert math.isfinite(weight.item())


def test_a_training_that_cannot_be_saved_says_where_and_what_to_do() -> None:
    weight = nn.Parameter(torch.tensor([math.nan]))
    with pytest.raises(TrainingFailed, match=r"epoch 1.*learning_rate"):
        run(loop(weight))


def test_a_loss_above_the_ceiling_lowers_the_rate() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    records = run(loop(weight, epochs=40, rate=1e4, ceiling=2.0))
    told = [record.trouble for record in records if record.trouble]
    assert told
    assert all("worse than knowing nothing" in text for text in told)
    assert abs(weight.item() - 1) < 0.5


def test_a_loss_worse_than_at_the_start_is_wrong_only_where_the_code_is_free() -> None:
    now = Progress(step=200, first=10.0)
    assert "start" in now.wrong(30.0, 0.0, 40.0, 1e-3)
    assert now.wrong(30.0, 5.0, 40.0, 1e-3) == ""
    assert now.wrong(10.5, 0.0, 40.0, 1e-3) == ""
    assert now.wrong(50.0, 0.0, 40.0, 1e-6) == ""  # no smaller rate would help
    assert now.wrong(math.nan, 0.0, 40.0, 1e-6)


def test_the_best_weights_on_held_out_samples_are_kept() -> None:
    weight, seen = nn.Parameter(torch.zeros(1)), []

    def judge() -> tuple[float, float]:
        seen.append(weight.item())
        return abs(weight.item() - 0.5), 0.0  # the best lies on the way

    training = Loop([objective(weight)], Rows(25), Schedule(0.02, 12), torch.Generator(), judge)
    run(training)
    assert weight.item() == min(seen, key=lambda value: abs(value - 0.5))
    assert weight.item() != seen[-1]


def test_stopping_ends_after_the_step_at_hand() -> None:
    weight = nn.Parameter(torch.zeros(1))
    training = loop(weight)
    records = []
    for record in training:
        records.append(record.epoch)
        training.stopping = True
    training.finish()
    assert records == [1]


@pytest.mark.parametrize("after", [1, 7, 23, 61])
def test_a_restored_loop_ends_with_the_same_weights(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "INTERVAL", -1.0)  # a record after every step
    whole, first, second = (nn.Parameter(torch.zeros(1)) for _ in range(3))
    run(loop(whole))
    begun = loop(first)
    for record in begun:
        if record.step >= after:
            break
    tensors, numbers = begun.state()
    again = loop(second)
    again.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
    run(again)
    assert torch.equal(whole, second)


class Twice(Local):
    """An engine that counts its verbs."""

    def __init__(self) -> None:
        super().__init__()
        self.did: list[str] = []

    def place(self, thing):  # type: ignore[no-untyped-def]
        self.did.append("place")
        return super().place(thing)

    def backward(self, loss: Tensor) -> None:
        self.did.append("backward")
        super().backward(loss)

    def mean(self, gradient: Tensor) -> None:
        self.did.append("mean")


def test_the_loop_goes_through_the_engine() -> None:
    engine = Twice()
    list(Loop([objective(nn.Parameter(torch.zeros(1)))], Rows(), Schedule(0.01, 1), torch.Generator(), None, engine))
    assert engine.did == ["place", "backward", "mean"] * 5


def test_a_device_that_is_not_there_is_refused() -> None:
    assert Local("auto").device.type == "cpu"
    with pytest.raises(BadOption, match="auto, cpu or cuda"):
        Local("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(BadOption, match="no GPU"):
            Local("cuda")
