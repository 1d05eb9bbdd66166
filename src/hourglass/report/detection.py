"""How well scores find the anomalies that labels name, beside what finds them without a network, and who does it better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hourglass import reading, results
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.parts import Batch, Pieces
from hourglass.report import specks
from hourglass.report.labelled import Labels, auroc, placed, precision, two_sorts
from hourglass.report.peers import ADVICE, NAMES, Scorer, fitted, kept
from hourglass.report.words import Measures, Verdict
from hourglass.uses import detect, maps
from hourglass.uses.rowwise import rated

__all__ = ["JUDGES", "against_peers", "compared", "counts", "on_rows", "on_samples"]

ROWS = 20_000  # that are scored, by chance
FEW = 5  # anomalies, below which nothing is said
SURE, SAME = 2.0, 0.005  # standard errors of a difference that count, and a difference that never does
FAR = 0.05  # behind another way: bad
Array = NDArray[np.float64]
Way = Callable[[Batch, Any, Any], NDArray[Any]]  # samples, their layout and the chunk they are from to a score of each row


def counts(labels: Any) -> dict[str, Any] | None:
    """How many of the labelled training rows are anomalies; kept in the model's record."""
    try:
        found = None if labels is None else two_sorts(labels)
    except ValueError:  # labels of several classes say nothing of anomalies
        return None
    return None if found is None else {"anomaly": found.anomaly, "anomalies": int(found.odd.sum()), "rows": len(found.odd)}


def on_samples(model: Model, training: Batch, held_out: Batch, labels: Any) -> dict[str, Any] | None:
    """The comparison on held-out samples right after a fit; None where their labels name too few anomalies, or no such thing."""
    if maps.able(model):  # tiles tell little of whole pictures
        return None
    if model.settings.get("purpose") != "detect" or labels is None or training.count == 0 or counts(labels) is None:
        return None
    scorers = {"model": lambda batch: detect.scores(model, batch), **_peers(model, training)}
    return compared({name: score(held_out).double().numpy() for name, score in scorers.items()}, two_sorts(labels), "held-out rows")


def on_rows(model: Model, reader: reading.Reader, source: Any, y: Any, training: Batch | None) -> dict[str, Any] | None:
    """The comparison on the user's own rows: at most 20,000, scored in pieces; `y` where the labels are not in the data.

    `training`: samples that the model was trained on; without any, those that the model keeps. Where it keeps none, it stands alone.
    """
    pieces = reader.pieces(source)
    sorts = _sorts(model, reader, pieces, y)
    if sorts is None:
        return None
    ways = _ways(model, reader.module, kept(model) if training is None or training.count == 0 else training)
    chosen = np.sort(np.random.default_rng(0).choice(pieces.count, min(ROWS, pieces.count), replace=False))
    found: dict[str, list[Array]] = {name: [] for name in ways}
    asked: list[NDArray[np.int64]] = []
    start = 0
    for count, chunk in zip(pieces.counts, reading.chunks(pieces), strict=True):
        here = chosen[(chosen >= start) & (chosen < start + count)] - start
        batch, layout = results.samples(reader.module, chunk, model.facts)
        batch = reading.single(batch if layout is not None else batch[torch.from_numpy(here)])
        for name, way in ways.items():
            values = way(batch, layout, chunk)
            found[name].append(np.asarray(values if len(values) == len(here) else values[here], float))
        asked, start = [*asked, here + start], start + count
    return compared({name: np.concatenate(parts) for name, parts in found.items()}, sorts.of(np.concatenate(asked)), "the rows given")


def _ways(model: Model, module: Any, training: Batch | None) -> dict[str, Way]:
    """The model, and what it is compared with: of samples what is fitted to `training` ones, of pictures what needs none."""
    ways: dict[str, Way] = {"model": lambda batch, layout, chunk: rated(model, batch, layout).scores}
    if maps.able(model):
        return ways | {"differences": lambda batch, layout, chunk: np.array([specks.score(each) for each in image.pictures(chunk)])}

    def by_rows(score: Scorer) -> Way:
        return lambda batch, layout, chunk: results.in_rows(module, score(batch), model.facts, layout)

    return ways | {name: by_rows(score) for name, score in ({} if training is None else _peers(model, training)).items()}


def _sorts(model: Model, reader: reading.Reader, pieces: Pieces, y: Any) -> Labels | None:
    """Which of the user's rows are anomalies, by their labels."""
    labels = reading.labels(reader.module, pieces, model.facts) if y is None else reading.counted(y, pieces.count)
    name = model.facts.get("label")
    return None if labels is None else two_sorts(labels, f"the label column {name!r}" if y is None and name else "the label")


def _peers(model: Model, training: Batch) -> dict[str, Scorer]:
    """Texts are no numbers: nothing to compare with."""
    return fitted(model, reading.single(training)) if training.x.is_floating_point() else {}


def compared(scores: dict[str, Array], labels: Labels | None, where: str) -> dict[str, Any] | None:
    """AUROC and AUPRC of each way to score, and the standard error of its AUROC's difference to the model's."""
    if labels is None or labels.odd.sum() < FEW or (~labels.odd).sum() < FEW:
        return None
    odd = labels.odd
    scores = {name: np.nan_to_num(values[labels.known], nan=0.0, posinf=3e38) for name, values in scores.items()}
    places = {name: placed(values, odd) for name, values in scores.items()}
    ways = {
        name: {"auroc": auroc(values, odd), "auprc": precision(values, odd), "error": _error(places["model"], places[name])}
        for name, values in scores.items()
    }
    told = {"anomaly": labels.anomaly, "normal": labels.normal, "anomalies": int(odd.sum()), "rows": len(odd), "where": where}
    return told | {"ways": ways}


def _error(one: tuple[Array, Array], other: tuple[Array, Array]) -> float:
    """The standard error of the difference of two AUROCs on the same rows (DeLong et al. 1988)."""
    away = [np.asarray(a - b) for a, b in zip(one, other, strict=True)]
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in away)))


def _told(ways: dict[str, Any]) -> str:
    """AUROC and AUPRC of several ways, in a line."""
    return "; ".join(f"{NAMES[name]} {way['auroc']:.3f}, {way['auprc']:.3f}" for name, way in ways.items())


def against_peers(measures: Measures) -> Verdict | None:
    """Whether something simpler finds the labelled anomalies better."""
    found = measures.get("detection")
    if not found:
        return None
    ways = dict(found["ways"])
    own = ways.pop("model")
    whom = f"On the labels of {found['where']} ({found['anomalies']:,} of {found['rows']:,} are {found['anomaly']!r})"
    alone = f"AUROC {own['auroc']:.3f}, AUPRC {own['auprc']:.3f}"
    if not ways:
        words = f"{whom} the scores of the model have {alone}; nothing to compare with, since the model keeps no training rows."
        return Verdict("detection", "note", words, "Give the training data too, report(X, training=...) or --training DATA.")
    best = max(ways, key=lambda name: ways[name]["auroc"])
    behind, sure = ways[best]["auroc"] - own["auroc"], max(SAME, SURE * ways[best]["error"])
    if behind < sure:
        how = "better than" if behind <= -sure else "as well as the best of"
        return Verdict("detection", "good", f"{whom} it does {how} what needs no network: {alone}; {_told(ways)}.")
    others = _told({name: way for name, way in ways.items() if name != best})
    words = f"{whom} {NAMES[best]} {'do' if best == 'neighbours' else 'does'} better: AUROC {ways[best]['auroc']:.3f} against "
    words += f"{own['auroc']:.3f}, AUPRC {ways[best]['auprc']:.3f} against {own['auprc']:.3f} ({others})."
    advice = f"Use {ADVICE[best]} for such anomalies, or see whether more epochs or another code_size close the gap."
    return Verdict("loses to peers", "bad" if behind > FAR else "warn", words, advice)


def tainted(measures: Measures) -> Verdict | None:
    """Whether labels say that there were anomalies among the training rows."""
    found = measures.get("training_labels")
    if not found or not found["anomalies"] or (measures.get("setting") or {}).get("purpose") != "detect":
        return None
    share = found["anomalies"] / found["rows"]
    words = f"By their labels, {found['anomalies']:,} of {found['rows']:,} rows that it was trained on are anomalies ({share:.2%})"
    if found.get("assumed", 0.0) >= 0.5 * share:
        return Verdict("anomalies in training", "note", f"{words}; anomalies={found['assumed']:g} was said.")
    advice = f"Train on normal rows alone, or say so: anomalies={share:.2g} (--anomalies {share:.2g})."
    return Verdict("anomalies in training", "warn", f"{words}: what it has seen it may rebuild well.", advice)


JUDGES = (against_peers, tainted)
