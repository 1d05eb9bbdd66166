"""Recurrent layers: the same numbers and gradients as torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hourglass.layers.recurrence import BUFFER, Gru, Lstm


def taken_over(theirs: nn.GRU) -> Gru:
    """A `Gru` with the weights of torch's: other orders of the rows, and two biases that only ever act together."""
    mine = Gru(theirs.input_size, theirs.hidden_size, 2 if theirs.bidirectional else 1).double()
    for way, name in enumerate(["", "_reverse"][: mine.directions]):
        (look, stay, new), (to_look, to_stay, to_new), (a, b, c), (d, e, f) = (
            getattr(theirs, f"{which}_l0{name}").detach().chunk(3) for which in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        mine.enter.data[way] = torch.cat([new, stay, look])
        mine.carry.data[way] = torch.cat([to_stay, to_look, to_new])
        mine.bias.data[way], mine.bias_carry.data[way] = torch.cat([c, b + e, a + d])[:, None], f[:, None]
    return mine


@pytest.mark.parametrize("both", [False, True])
def test_states_and_gradients_are_those_of_torch(both: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.GRU(3, 40, bidirectional=both).double()
    mine = taken_over(theirs)
    x = torch.randn(230, 9, 3, dtype=torch.float64, requires_grad=True)
    assert x.shape[0] * 4 * 40 * 9 * 8 > 2 * BUFFER, "several stretches"

    def states(x: Tensor) -> Tensor:
        ways = [x.mT, x.mT.flip(0)][: mine.directions]
        first, *rest = mine(torch.stack(ways, 1)).unbind(1)
        return torch.cat([first, *(back.flip(0) for back in rest)], 1).mT  # type: ignore[no-any-return]

    found, wanted = states(x), theirs(x)[0]
    assert torch.allclose(found, wanted, rtol=1e-10, atol=1e-10)
    weights = [mine.enter, mine.carry, mine.bias_carry]
    ours = torch.autograd.grad(found.sin().sum(), [x, *weights])
    others = torch.autograd.grad(wanted.sin().sum(), [x, theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_hh_l0])
    look, stay, new = others[1].chunk(3)
    to_look, to_stay, to_new = others[2].chunk(3)
    right = [others[0], torch.cat([new, stay, look]), torch.cat([to_stay, to_look, to_new]), others[3].chunk(3)[2][:, None]]
    assert all(torch.allclose(one if i == 0 else one[0], other) for i, (one, other) in enumerate(zip(ours, right, strict=True)))


def test_gradients_are_right_where_torch_has_no_counterpart() -> None:
    torch.manual_seed(0)
    layer = Gru(2, 2, directions=2, told=2).double()
    x, told = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 2, 2, 2), (2, 2)))
    assert torch.autograd.gradcheck(lambda x, told, *_: layer(x, told), (x, told, *layer.parameters()))


@pytest.mark.parametrize("sort", [Gru, Lstm])
def test_what_is_told_reaches_every_step(sort: type[nn.Module]) -> None:
    torch.manual_seed(0)
    layer, x = sort(2, 3, 1, 4), torch.randn(5, 1, 2, 6)  # type: ignore[call-arg]
    told = torch.randn(4, 6, requires_grad=True)
    states = layer(x, told)
    assert states.shape == (5, 1, 3, 6)
    assert (torch.autograd.grad(states[0].sum(), told)[0] != 0).all()
    assert not torch.equal(states, layer(x, torch.zeros(4, 6)))
