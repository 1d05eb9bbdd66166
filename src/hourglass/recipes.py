"""Which parts suit which kind and purpose: the only owner of defaults, each with its evidence.

M = measured, in docs/benchmarks.md or while the default was chosen; P = published.
"""

from __future__ import annotations

import math
from typing import Any

from hourglass import own
from hourglass.batches import seed_of
from hourglass.errors import BadOption, did_you_mean
from hourglass.layers.hush import framed
from hourglass.layers.noise import Noise
from hourglass.named import LIMITS, check_number, check_pairs
from hourglass.parts import Part

__all__ = ["PURPOSES", "check", "reading_of", "resolve", "seed_of"]

PURPOSES = ("embed", "detect", "compress", "denoise", "generate")
FEW = 2000  # pictures, below which a network learns them by heart
RANK = 64  # directions of wide tables. M: 64 to 128 within noise, 32 and 256 learn less
ENOUGH = 50  # samples, below which the size of the code is not measured
DEVICES = ("auto", "cpu")
# missing values of tables. M: in docs/benchmarks.md; without the linear path 11 of the 16 are worse, 4 better
FILL = {"network": "dense:widths=[128],activation=gelu", "spoil": "mask", "steps": 1500, "learning_rate": 4e-3, "neighbours": 0}


def check(settings: dict[str, Any]) -> None:
    """Refuse values that no recipe can mean; the error names the setting, the value and what is allowed."""
    if settings["purpose"] not in PURPOSES:
        raise BadOption(f"purpose={settings['purpose']!r}: {did_you_mean(str(settings['purpose']), PURPOSES)}")
    for name in LIMITS:
        check_number(name, settings.get(name))
    if settings.get("device", "auto") not in DEVICES:
        raise BadOption(
            f"device={settings['device']!r}: {did_you_mean(str(settings['device']), DEVICES)}; this version computes on the processor"
        )
    if isinstance(settings.get("network"), tuple):
        own.check_factories(settings["network"])


def resolve(settings: dict[str, Any], kind: str, facts: dict[str, Any], count: int) -> dict[str, Any]:
    """Every "auto" replaced by this kind's and purpose's default, parts as text; `count` is the number of samples."""
    check(settings)
    purpose, size = settings["purpose"], math.prod(facts["shape"])
    fills = purpose == "denoise" and Part.parse(settings.get("spoil") or "auto").name == "mask"
    defaults = RECIPES.get(kind, _table)(purpose, {**facts, "named": _named(settings), "fills": fills}, size, count)
    if isinstance(settings.get("network"), tuple) and not own.takes_members(settings["network"]):
        defaults["members"] = 1
        if settings.get("members") not in (None, "auto", 1):
            raise BadOption(
                f"members={settings['members']!r}: your own network makes one; give both factories an option members, or members=1"
            )
    chosen = {name: _merge(settings.get(name), default) for name, default in defaults.items()}
    check_pairs(settings, chosen, "noise:0.1")
    chosen["batch_size"] = min(chosen["batch_size"], count)
    chosen["minutes"] = None if settings.get("minutes") in (None, "auto") else float(settings["minutes"])
    steps_in_epoch = max(1, count // chosen["batch_size"])
    automatic = settings.get("epochs") in (None, "auto")
    chosen["epochs"] = None if chosen["minutes"] and automatic else _epochs(settings, chosen.pop("steps"), steps_in_epoch)
    chosen.pop("steps", None)
    chosen["purpose"] = purpose
    chosen.pop("start" if settings.get("init") is not None else "", None)
    return {**chosen, "kind": kind, "sized": _sized(settings, chosen, kind, count)}


def _named(settings: dict[str, Any]) -> bool:
    """Whether the user asks for another network than the recipe's, which then starts from nothing."""
    parts = [settings.get(name) for name in ("network", "bottleneck", "code_size", "members")]
    return bool(settings.get("stacked")) or any(given not in (None, "auto") for given in parts)


def _sized(settings: dict[str, Any], chosen: dict[str, Any], kind: str, count: int) -> bool:
    """Whether the size of the code is to be found by measurement: where nobody gave it, for codes that are features."""
    free = settings.get("code_size") in (None, "auto") and settings.get("init") is None and not isinstance(settings.get("network"), tuple)
    network = Part.parse(chosen["network"])
    plain = Part.parse(chosen["bottleneck"]).name in ("plain", "ordered")
    flat = network.name not in ("gate", "patch", "unet") and network.options.get("code") != "spatial"
    return free and plain and flat and chosen["purpose"] == "embed" and kind != "text" and count >= ENOUGH


def reading_of(purpose: str) -> dict[str, Any]:
    """Options of kinds that suit a purpose better than the kinds' own defaults."""
    # M: 23 series of NAB, VUS-PR of anomalies by residuals 0.33 with windows of 16 to 64 as their periods are, 0.40 with 64 throughout
    return {"least": 64} if purpose == "detect" else {"noise": True} if purpose == "denoise" else {}


def _epochs(settings: dict[str, Any], steps: int, steps_in_epoch: int) -> int:
    given = settings.get("epochs")
    return int(given) if given not in (None, "auto") else max(1, round(steps / steps_in_epoch))


def _merge(given: Any, default: Any) -> Any:
    """The given value, parts as text; `auto` with options keeps the default's name and options and adds its own."""
    if given is None or (isinstance(given, str) and given == "auto"):
        return default
    if isinstance(given, Part) and given.name == "auto":
        base = Part.parse(default)
        return str(Part(base.name, *given.values, **{**base.options, **given.options}))
    if isinstance(given, tuple):
        return own.text(given)
    if isinstance(default, str):
        return str(Part.parse(given))
    return given.item() if hasattr(given, "item") else given  # numbers of numpy are none in JSON


def _table(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Tables, and anything that is one row of numbers per sample."""
    numbers = all(sort == "number" for sort, _, _ in facts["fields"])
    detect, wide = purpose == "detect", size > 1024
    if detect and not wide and len(facts["shape"]) == 1:
        return _odd_rows(size, count, numbers)
    if facts["fills"] and not wide and len(facts["shape"]) == 1:
        return _odd_rows(size, count, numbers) | FILL
    # M: 64 and 128 within noise on 16 tables; on the digits (64 columns) 256 leaves a tenth less than 128
    width = 128 if size <= (128 if detect else 48) else 256 if size <= 1024 else 512
    # M: 2,000 x 20,000 curved rows, spoken digits as spectra: layers of full width learn less, in ten times the time
    return {
        "network": f"dense:widths=[{width}],activation={'gelu' if detect else 'relu'}" + (f",rank={RANK}" if wide else ""),
        # P/M: for detection an over-complete code under input noise beats a narrow one by 2 AUROC points on 32 tables
        "code_size": min(2 * size, 256) if detect else max(1, min(32, math.ceil(size / 3))),
        "bottleneck": "gaussian" if purpose == "generate" else "plain",
        "loss": "gaussian" if numbers else "mixed",
        "spoil": "noise:0.5" if detect or purpose == "denoise" else "none",
        # M: +1.2 AUROC points for 1.5-1.9 times the time; of 20,000 columns four see four times as much, which takes five minutes
        "members": 4 if detect and not wide else 1,
        "batch_size": 128 if wide else 256,
        "learning_rate": 2e-3,  # M: 1e-3 to 4e-3 within noise at these budgets
        "steps": 600 if detect and wide else 1500 if detect or wide else 2500,
        "device": "cpu",
    }


def _odd_rows(size: int, count: int, numbers: bool) -> dict[str, Any]:
    """Anomalies in tables: a wide code under little noise, judged together with the nearest rows.

    M: 16 tables, one-class, AUROC and average precision in percent by residuals alone: with a linear path from PCA, which copies what lies
    outside, 83.6 and 64.6, without 84.9 and 65.3; noise 1, 0.5, 0.2: 84.3, 85.4, 86.5; 400 steps are better than 1000.
    """
    return {
        "network": f"dense:widths=[{128 if size <= 128 else 256}],activation=gelu,beside=false",
        "code_size": min(2 * size, 256),
        "bottleneck": "plain",
        "loss": "gaussian" if numbers else "mixed",
        "spoil": "noise:0.2",
        "members": 4,
        "batch_size": 256,
        "learning_rate": 2e-3,
        "steps": min(1500, max(20, 12 * count // 256)),  # M: 20 epochs gain 0.04 and 0.02 (seed 0) for half as much time again
        "device": "cpu",
        # M: neighbours alone, residuals alone and both stand in docs/benchmarks.md
        "neighbours": 5,
    }


def _picture(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Pictures, brought to one size; compress and denoise keep a spatial code and work at any size."""
    if purpose == "detect" and facts.get("cut"):
        return _surface(facts, size, count)
    noisy = bool(facts.get("noise")) and not Noise.of(facts["noise"]).faint
    if purpose == "denoise" and (noisy or (min(facts["shape"][1:]) >= 32 and not facts["named"])):
        return _denoiser(facts, size, count, noisy)
    if "codec" in facts:
        return _codec(facts["codec"])
    spatial = purpose in ("compress", "denoise")
    small = size <= 256 and not spatial
    if not small and not spatial and count < FEW and size <= 64 * 64 * 3 and purpose != "detect":
        return _few_pictures(purpose, size)
    widths = "[32,64]" if size <= 32 * 32 or purpose == "denoise" else "[24,48,96]"
    network = "dense:widths=[256]" if small else f"conv:widths={widths}" + (",code=spatial" if spatial else "")
    return {
        "network": network,
        "code_size": (32 if purpose == "denoise" else 16) if spatial else max(1, min(32, size // 4)),
        "bottleneck": "gaussian" if purpose == "generate" else "plain",
        "loss": "gaussian",
        "spoil": "noise:0.1" if purpose == "denoise" else "none",
        "members": 1,
        "batch_size": 128 if small else 32 if spatial else 64,
        "learning_rate": 2e-3 if small else 1e-3,
        "steps": 2500 if small else 600 if spatial else 1000,
        "device": "cpu",
    }


def _codec(start: dict[str, Any]) -> dict[str, Any]:
    """Pictures of one sort: the codec that comes with hourglass, whose settings are `start`, trained further.

    M: 320 faces, 200 CPU s, bytes at equal PSNR: 600 steps of 8 at 1e-3 -13.7 %, 1200 of 4 at 6e-4 -14.0; 1000 of 8 at 3e-4 (320 s) -13.3
    """
    return {**start, "spoil": "none", "batch_size": 4, "learning_rate": 6e-4, "steps": 1200, "device": "cpu"}


def _surface(facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Pictures with details, of good pieces alone. M: magnetic tiles, 430 CPU s: image AUROC .93, cracks .985; pixels .98, .90."""
    found = _picture("embed", facts, size, count) | {"network": "unet:widths=[16,32,64],blocks=1,sight=light", "code_size": 32}
    return found | {"loss": "defect", "spoil": "defects", "batch_size": 8, "learning_rate": 2e-3, "steps": 2400}


def _denoiser(facts: dict[str, Any], size: int, count: int, noisy: bool) -> dict[str, Any]:
    """The denoiser that comes with hourglass, trained further, on noisy pictures without a clean example or on clean ones.

    M: 5 of microscopy, PSNR: before 31.5, after 300 steps (50 CPU s) 32.7; a network from nothing 32.1 after 2400.
    """
    pairs = "none" if facts.get("repeats") else f"neighbours:apart={Noise.of(facts['noise']).reach}" if noisy else ""
    found = _picture("embed", facts, size, count) | {"spoil": pairs or "noise:0.1"}
    if facts["named"]:
        alone = {"network": "unet:widths=[24,48],blocks=1,skips=2", "code_size": 48, "batch_size": 8, "learning_rate": 2e-3}
        return found | alone | {"steps": 3000}
    found |= {"network": "unet:widths=[48,96,192],blocks=2,skips=3", "code_size": 8, "start": "photo-denoiser-1"}
    return found | {"batch_size": 4, "learning_rate": 3e-4, "steps": 1000}


def _few_pictures(purpose: str, size: int) -> dict[str, Any]:
    """Some hundreds of pictures: seen in many positions, by a network without convolutions."""
    # M: 320 faces of 56 x 46, held-out error of the code of 16 against PCA's: this 0.63, conv 0.82, this without moves 1.5
    network = {"network": "dense:widths=[512,128],activation=silu", "code_size": max(1, min(32, size // 4)), "members": 1}
    parts = {"bottleneck": "gaussian" if purpose == "generate" else "plain", "loss": "gaussian", "spoil": "moves"}
    return network | parts | {"batch_size": 64, "learning_rate": 1e-3, "steps": 6000, "device": "cpu"}


def _series(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Windows of sensors."""
    recipe = _table(purpose, facts, size, count) | {"batch_size": 128, "learning_rate": 1e-3}
    if purpose == "detect" and size <= 1024:
        # as in tables a wide code under noise and several members. M: windows of 64, VUS-PR on 23 series of NAB and on SKAB; with a linear
        # path, which copies what lies outside, 0.40 and (of 32) 0.62; without, gelu and noise 0.2: 0.41 and 0.78; tanh, which cannot follow
        # to where it never was, and noise 0.5: 0.44 and 0.87; Sub-PCA 0.39 and 0.60. Eight members: thresholds of events differ by less
        return recipe | {"network": f"dense:widths=[{128 if size <= 128 else 256}],activation=tanh,beside=false", "members": 8}
    if purpose == "detect":
        return recipe
    # M: 24 series of NAB and a test bed, code 10, 60 epochs, one seed, error against PCA's on the later 30 %, geometric mean and worst:
    # without drift 0.80 and 3.4 (longer at one level is worse, up to 33); moved by 0.5, stretched by 0.1, share 0.2: 0.72 and 1.01, but
    # 2.6 for a server's load that doubles after 28,000 steps; 0.5, 0.7, 0.3: 0.73, 1.02 and 1.01; 1, 0.7, 0.5: 0.76, 1.01 and 0.99
    under = {} if purpose in ("denoise", "generate") else {"spoil": "drift"}
    return recipe | {"network": "dense:widths=[128],activation=tanh", "code_size": max(1, min(16, size // 4))} | under


def _sound(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Windows of sound. A code that is one vector tells too little of a second: what is heard again keeps a code for every few samples."""
    if purpose in ("detect", "generate"):
        return _table(purpose, facts, size, count) | {"code_size": 32, "members": 1, "batch_size": 64}
    if purpose == "denoise":
        return _hush(facts, size, count)
    channels, length = facts["shape"]
    patch = min(64, max(4, 2 ** int(math.log2(max(length // 4, 1)))))
    # M: spoken digits, a number for every four samples; lost of the variance: this 0.085 after 13 CPU s, conv with a spatial code 0.087 to
    # 0.090 after 25, PCA of 256 samples at a time 0.091. A flat code of 32 loses 0.90
    network = {"network": f"patch:patch={patch},blocks=1", "code_size": channels * patch // 4, "spoil": "none"}
    return _table("embed", facts, size, count) | network | {"batch_size": 16, "learning_rate": 1e-3, "steps": 2000}


def _hush(facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """The denoiser of sound that comes with hourglass, trained further under hiss and hum; another network from nothing."""
    rate = facts.get("rate", 16_000)
    begun = {"learning_rate": 2e-3, "steps": 2000} if facts["named"] else {"learning_rate": 5e-4, "steps": 300, "start": "sound-denoiser-1"}
    gate = {"network": f"gate:frame={framed(rate)}", "code_size": 8, "spoil": f"hiss:rate={rate}", "loss": "ratio", "batch_size": 8}
    return _table("embed", facts, size, count) | gate | begun


def _video(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Clips, with a spatial code: films are few, and a vector for whole clips is soon learned by heart."""
    flat = purpose in ("detect", "generate")
    return _picture("embed", facts, size, count) | {
        # M: the last fifths of four films, 100 steps, 11 CPU s; error against PCA's of as many numbers (of which it has one for each of 80
        # clips): spatial code 0.20; a flat code of 16 1.00, under moves 0.99
        "network": "conv:widths=[16,32]" if flat else "conv:widths=[16,32],code=spatial",
        "code_size": 32 if flat else 4,
        "bottleneck": "gaussian" if purpose == "generate" else "plain",
        "spoil": "noise:0.1" if purpose == "denoise" else "moves" if flat else "none",
        "batch_size": 16,
        "learning_rate": 3e-4 if flat else 1e-3,  # M: with a linear path over whole clips 1e-3 went wrong at step 5
        "steps": 600,
    }


def _text(purpose: str, facts: dict[str, Any], size: int, count: int) -> dict[str, Any]:
    """Lines of text; a code for whole lines, whatever the purpose."""
    short = size <= 32
    return _picture("embed", facts, size, count) | {
        # M: 32,000 names, code 32, 18 CPU s: attention gets 95 % of the bytes right (99 in 66), PCA 74 %; with a path that starts at PCA
        # it has twice as many wrong after 600 steps. Lines of 56 bytes, code 128, 63
        # CPU s: conv from PCA on gets 78 % of the bytes right, PCA 59; without that start 27 in 35 s (attention 16 in 19 s)
        "network": "attention:width=64,patch=4" if short else "conv:widths=[32,64]",
        "code_size": 32 if short else 128,
        "bottleneck": "gaussian" if purpose == "generate" else "plain",
        "loss": "categorical",
        "spoil": "none",
        "batch_size": 128 if short else 64,
        "learning_rate": 3e-3,  # M: the linear path alone, 30 CPU s: 74 % of the bytes right at 1e-3, 78 at 3e-3
        "steps": 1500 if short else 2000,
    }


RECIPES = {"table": _table, "series": _series, "image": _picture, "audio": _sound, "video": _video, "text": _text}
