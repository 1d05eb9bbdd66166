"""The record of an autoencoder: what is trained, saved and used."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.parts import Batch, Code, Part, find, listing, options_for, options_of

__all__ = ["Model", "Passed"]

Facts = dict[str, Any]
Factories = Mapping[str, Callable[..., Any]]


class Passed(NamedTuple):
    """One pass through the network: the `code`, the decoder's `output`, and the `target` in the same rows (members folded in)."""

    code: Code
    output: Tensor
    target: Batch


@dataclass
class Model:
    """Kind and facts, encoder, bottleneck, decoder and loss, settings, learned arrays, and the training record.

    With `members` above one, samples enter as (B, *shape) and are shown to every member, or as (M, B, *shape), each member its own.
    Behind the encoder the member axis is folded into the rows: codes, costs and outputs have M * B rows, member by member.
    """

    kind: str
    facts: Facts
    settings: dict[str, Any]
    encoder: nn.Module
    bottleneck: nn.Module
    decoder: nn.Module
    loss: nn.Module
    code_shape: tuple[int, ...]
    arrays: dict[str, Tensor] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    doubled: Model | None = field(default=None, repr=False, compare=False)
    codec: Any = field(default=None, repr=False, compare=False)  # this model as a picture codec, made once by `photos`

    @classmethod
    def build(cls, kind: str, facts: Facts, settings: dict[str, Any], parts: Factories | None = None) -> Model:
        """A new network as `settings` describe it: `network`, `bottleneck` and `loss` as text, `code_size`, `members`.

        `parts` maps the names of a user's own network factories to them. Weights come from torch's current generator; see `seeded`.
        """
        shape, members, code_size = tuple(facts["shape"]), settings["members"], settings["code_size"]
        bottleneck_part, loss_part = Part.parse(settings["bottleneck"]), Part.parse(settings["loss"])
        bottlenecks, losses = find("bottlenecks", bottleneck_part.name), find("losses", loss_part.name)
        network_part, make_encoder, make_decoder = _network(settings["network"], parts or {})
        asked = {
            "code_size": code_size * bottlenecks.inputs,
            "members": members,
            **_symbols(facts, network_part, make_encoder, make_decoder),
        }
        encoder_options, decoder_options = options_for(network_part, make_encoder, make_decoder, given=asked)
        encoder, h_shape = make_encoder(shape, **encoder_options)
        code_shape = (h_shape[0] // bottlenecks.inputs, *h_shape[1:])
        (bottleneck_options,) = options_for(bottleneck_part, bottlenecks.bottleneck, given={"members": members})
        loss_options, output_options = options_for(loss_part, losses.loss, losses.outputs, given={"members": members})
        return cls(
            kind=kind,
            facts=facts,
            settings=settings,
            encoder=encoder,
            bottleneck=bottlenecks.bottleneck(code_shape, **bottleneck_options),
            decoder=make_decoder(code_shape, shape, losses.outputs(facts, **output_options), **decoder_options),
            loss=losses.loss(facts, **loss_options),
            code_shape=code_shape,
        )

    @property
    def members(self) -> int:
        """How many networks are trained side by side."""
        return int(self.settings.get("members", 1))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, without batch."""
        return tuple(self.facts["shape"])

    @property
    def code_size(self) -> int:
        """Numbers in a code, spatial codes flattened."""
        return int(torch.Size(self.code_shape).numel())

    @property
    def input_size(self) -> int:
        """Numbers in a sample."""
        return int(torch.Size(self.shape).numel())

    @property
    def output_size(self) -> int:
        """Numbers that the decoder says of a sample: of texts, one for every symbol and place."""
        part = Part.parse(self.settings["loss"])
        losses = find("losses", part.name)
        _, options = options_for(part, losses.loss, losses.outputs, given={"members": self.members})
        return self.input_size * int(losses.outputs(self.facts, **options))

    def modules(self) -> nn.ModuleDict:
        """The four parts that have weights, by name; `state_dict` of it is what a file holds."""
        return nn.ModuleDict({"encoder": self.encoder, "bottleneck": self.bottleneck, "decoder": self.decoder, "loss": self.loss})

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""
        return self.modules().parameters()

    def train(self, mode: bool = True) -> Model:
        """Switch to training (or, with False, to use); returns itself."""
        self.doubled = self.codec = None
        self.modules().train(mode)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Model:
        """A copy on another device or in another precision; arrays and facts are shared, weights are not."""
        moved = copy.copy(self)
        moved.doubled = moved.codec = None
        for name, module in self.modules().items():
            setattr(moved, name, copy.deepcopy(module).to(*args, **kwargs))
        return moved

    def double(self) -> Model:
        """This model in float64, made once: data given in float64 go through in float64."""
        if self.doubled is None:
            self.doubled = self.to(torch.float64)
        return self.doubled

    def encode(self, batch: Batch) -> Code:
        """The code of samples (B, *shape) or (M, B, *shape); its rows are M * B. What is masked stays 0, whatever a bottleneck changes."""

        def again(change: Callable[[Tensor], Tensor]) -> Tensor:
            x = change(batch.x)
            return self._hidden(batch.with_x(x if batch.mask is None else x * batch.mask))[0]

        h, beside = self._hidden(batch)
        code: Code = self.bottleneck(h, encode=again)
        return code._replace(beside=beside) if beside else code

    def decode(self, z: Tensor, beside: tuple[Tensor, ...] = ()) -> Tensor:
        """The decoder's output for codes `z` (M * B, *code_shape), and for what the encoder sent `beside` them, if it did."""
        if self.members == 1:
            return self.decoder((z, *beside) if beside else z)  # type: ignore[no-any-return]
        apart, *others = (part.unflatten(0, (self.members, -1)) for part in (z, *beside))
        return self._fold(self.decoder((apart, *others) if others else apart))

    def forward(self, batch: Batch, target: Batch | None = None) -> Passed:
        """Encode and decode `batch`; the loss compares with `target` (the undamaged samples; by default the batch itself)."""
        code = self.encode(batch)
        goal = (target or batch).each(lambda part: self._fold(self._spread(part)))
        return Passed(code, self.decode(code.z, code.beside), goal)

    def nats(self, batch: Batch, target: Batch | None = None) -> tuple[Tensor, Tensor]:
        """Loss and cost, each (M * B,), in nats per sample; their sum is what training lowers."""
        code, output, goal = self.forward(batch, target)
        return self.loss(output, goal.x, goal.mask, *self.shown(batch)), code.cost

    def shown(self, batch: Batch) -> tuple[Tensor, ...]:
        """What losses that are `damaged` are told beside the target: the samples as the network saw them, (M * B, *shape)."""
        return (self._fold(self._spread(batch.x)),) if getattr(self.loss, "damaged", False) else ()

    def reconstruct(self, batch: Batch) -> Tensor:
        """The samples as the decoder gives them back, (B, *shape), averaged over members."""
        _, output, _ = self.forward(batch)
        return self.mean(self.loss.data(output))  # type: ignore[operator]

    def mean(self, rows: Tensor) -> Tensor:
        """The mean over members of something with M * B rows."""
        return rows if self.members == 1 else rows.unflatten(0, (self.members, -1)).mean(0)

    def first(self, rows: Tensor) -> Tensor:
        """The first member's part of something with M * B rows: members' codes are not aligned, so a code is one member's."""
        return rows if self.members == 1 else rows[: rows.shape[0] // self.members]

    def _hidden(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What the encoder gives, and what it sends beside it; members folded into the rows, the first never in half precision.

        Encoders with `masked` are told what is real.
        """
        x = self._spread(batch.x)
        if getattr(self.encoder, "masked", False):
            given = self.encoder(x, None if batch.mask is None else self._spread(batch.mask))
        else:
            given = self.encoder(x)
        h, *beside = (self._fold(part) for part in given) if isinstance(given, tuple) else (self._fold(given),)
        return h.float() if h.dtype == torch.bfloat16 else h, tuple(beside)

    def _spread(self, x: Tensor) -> Tensor:
        """Give every member a view of the samples."""
        alone = self.members > 1 and x.dim() == len(self.shape) + 1
        return x.expand(self.members, *x.shape) if alone else x

    def _fold(self, x: Tensor) -> Tensor:
        """(M, B, ...) to (M * B, ...)."""
        return x if self.members == 1 else x.flatten(0, 1)


def _symbols(facts: Facts, part: Part, *factories: Callable[..., Any]) -> dict[str, int]:
    """How many symbols a text is written in, for networks that read texts; others raise `BadOption`."""
    symbols = int(facts.get("symbols", 0))
    if all("symbols" in options_of(factory) for factory in factories):
        return {"symbols": symbols}
    if symbols and part.name != "own":
        reading = [name for name in listing("networks") if "symbols" in options_of(find("networks", name).encoder)]
        raise BadOption(f"network={part.name!r} does not read text; take {' or '.join(map(repr, reading))}")
    return {}


def _network(text: str, parts: Factories) -> tuple[Part, Callable[..., Any], Callable[..., Any]]:
    """The part and its two factories; `own:ENCODER,DECODER` names a user's own ones."""
    part = Part.parse(text)
    if part.name == "own":
        make_encoder, make_decoder = (parts[name] for name in (part.options["encoder"], part.options["decoder"]))
        return Part("own"), make_encoder, make_decoder
    module = find("networks", part.name)
    return part, module.encoder, module.decoder


class seeded:  # noqa: N801 - reads as a verb: with seeded(0): ...
    """Run a block under torch seed `seed` and give the global generator back as it was."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.state = torch.random.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.random.set_rng_state(self.state)
