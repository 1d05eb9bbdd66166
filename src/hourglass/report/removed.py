"""What a network takes out of noisy pictures: as much as there is noise, and nothing that hangs together more than the noise does."""

from __future__ import annotations

from typing import Any

import torch

from hourglass.layers.noise import Noise, measured, whiteness
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.report.words import Measures, Verdict, number, purpose
from hourglass.uses.denoise import clean, native

__all__ = ["JUDGES", "removed"]

LOOKED = 48  # pictures, or tiles of them
MORE = 0.15  # correlation of neighbours in what was taken away, beyond that of the noise: detail
LITTLE, MUCH = 0.7, 1.3  # times the noise that was measured
UNLIKE = 2.0  # times the noise of the quietest picture


def removed(model: Model, held_out: Batch) -> dict[str, Any] | None:
    """The spread of what is taken from held-out pictures, their noise, what neighbours share of either; None where none was looked for."""
    told = model.facts.get("noise")
    if told is None or not native(model) or not held_out.count:
        return None
    learned, (low, high) = Noise.of(told), model.facts["range"]
    some = held_out.x[:: max(1, held_out.count // LOOKED)][:LOOKED].float()
    noise = None if learned.faint else measured(list(some))
    found = {"faint": learned.faint, "reach": learned.reach, "unlike": learned.high / max(learned.low, 1e-9), "scale": high - low}
    if noise is None:
        return found
    with torch.inference_mode():
        rest = some - clean(model, some)
    level = float((rest - rest.mean((-2, -1), keepdim=True)).square().mean().sqrt())
    each = [measured([picture]) or noise for picture in some]  # pictures may be of unlike noise
    variances = [one.floor + one.slope * float(picture.mean()) for one, picture in zip(each, some, strict=True)]
    usual = float(torch.tensor(variances).mean().clamp_min(0).sqrt())
    return found | {"level": level, "noise": usual, "shared": whiteness(rest), "expected": learned.correlation[0]}


def residual(measures: Measures) -> Verdict | None:
    """Whether what is taken away is the noise."""
    found = measures.get("removed") or {}
    if purpose(measures) != "denoise" or not found.get("noise"):
        return None
    level, noise = (number(found[name] * found["scale"]) for name in ("level", "noise"))
    words = f"It takes away a spread of {level} where noise of {noise} was measured"
    shared = f"neighbouring pixels of it have {found['shared']:.0%} in common, of the noise {max(0.0, found['expected']):.0%}"
    if found["shared"] > max(0.0, found["expected"]) + MORE:
        advice = "Train longer, give more pictures, or blend with a lower strength."
        return Verdict("detail goes too", "warn", f"{words}, and it hangs together: {shared}.", advice)
    if not LITTLE * found["noise"] <= found["level"] <= MUCH * found["noise"]:
        less = found["level"] < found["noise"]
        advice = "Train longer." if less else "Look at what is removed: detail may be among it; blend with a lower strength."
        return Verdict("noise stays" if less else "more than noise", "warn", f"{words}; {shared}.", advice)
    return Verdict("noise removed", "good", f"{words}; {shared}.")


def limits(measures: Measures) -> Verdict | None:
    """Where cleaning cannot help, or can help only in part."""
    found = measures.get("removed") or {}
    if purpose(measures) != "denoise" or not found:
        return None
    if found["faint"]:
        words = "The pictures have no noise that could be told from fine texture: nothing can be learned from it. Noise was added instead."
        return Verdict(
            "little noise", "note", words, "For pictures that are noisier than these give such pictures, or take the shipped denoiser."
        )
    if found["reach"] > 1:
        reach = found["reach"]
        words = f"Neighbours share the noise, over about {reach} pixels: what is finer than that goes with it, what is wider stays."
        return Verdict(
            "shared noise", "note", words, "Pictures from before they were developed, enlarged or compressed can be cleaned better."
        )
    if found["unlike"] > UNLIKE:
        times = number(found["unlike"])
        words = f"The noisiest picture has {times} times the noise of the quietest: one network serves them all, none of them best."
        return Verdict("unlike noise", "note", words, "Train on pictures of one sort where there are enough.")
    return None


JUDGES = (residual, limits)
