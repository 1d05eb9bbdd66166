"""A random share of parts that come piece by piece."""

from __future__ import annotations

import torch

from hourglass.parts import Batch, Cut
from hourglass.shares import Share, poured


def piece(source: int, count: int, masked: bool = False) -> Cut:
    x = torch.full((count, 2), float(source)) + torch.arange(count)[:, None] / 1000
    mask = torch.ones_like(x, dtype=torch.bool) if masked else None
    begin = torch.arange(count) / count
    return Cut(Batch(x, mask), torch.full((count,), source), begin, begin + 1 / count)


def test_few_parts_all_stay_in_order() -> None:
    share = Share(100, 0)
    for source in range(3):
        share.add(piece(source, 20, masked=source == 1))
    cut = share.cut()
    assert cut.source.tolist() == [0] * 20 + [1] * 20 + [2] * 20
    assert cut.samples.mask is not None
    assert cut.samples.mask.all()
    torch.testing.assert_close(cut.samples.x, torch.cat([piece(source, 20).samples.x for source in range(3)]))


def test_of_many_parts_each_recording_keeps_the_same_share_wherever_it_was_cut() -> None:
    share = Share(600, 0)
    for source, counts in enumerate([[100], [3000], [1000, 1000, 1000], [2900]]):
        for count in counts:
            share.add(piece(source, count))
            assert share.count <= 600 * 1.25
    cut = share.cut()
    assert cut.samples.count == len(cut.source) == len(cut.begin) == 600
    kept = torch.bincount(cut.source).tolist()
    assert 0 < kept[0] < 20
    assert all(abs(kept[source] - 200) < 45 for source in (1, 2, 3))
    assert (cut.source.diff() >= 0).all()
    assert (cut.end > cut.begin).all()


def test_pouring_empties_the_list() -> None:
    batches = [piece(0, 3).samples, piece(1, 2, masked=True).samples]
    both = poured(batches)
    assert batches == []
    assert both.count == 5
    assert both.mask is not None
    alone = piece(0, 3).samples
    assert poured([alone]) is alone
