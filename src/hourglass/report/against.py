"""Judges who compare the network with what it must beat, and ask whether the code is as large as it should be."""

from __future__ import annotations

from typing import Any

from hourglass.report.words import CLOSE, LOSES, Measures, Verdict, around, counted, number, purpose, ratio, said, wide

__all__ = ["JUDGES"]

LEARNED = 0.1  # below this share of the variance explained, nothing was learned
HALF = 0.5  # below it more is lost than kept
BETTER = 0.97  # times a rival's error
REPAIRED = 0.1  # share of the damage
MUCH = 0.1  # of the error, which a larger code would save
ROOMY = 1.5  # times the size that is enough


def learning(measures: Measures) -> Verdict | None:
    """Against the column means; of texts, the commonest symbol of each place."""
    error = measures.get("error") or {}
    if error.get("mean") is None:
        return None
    if error["mean"] == 0:
        return Verdict("constant data", "bad", "The data do not vary: there is nothing to learn.", "Give data in which something changes.")
    if around(measures):
        return None
    explained = 1 - error["model"] / error["mean"]
    model, mean = said(measures, "model", "mean")
    if explained >= HALF:
        return Verdict("learning", "good", _well(measures, explained))
    if explained >= LEARNED:
        advice = "Choose a larger code_size or train longer; if neither helps, the rest is noise, or the columns have little in common."
        return Verdict("learned in part", "warn", _well(measures, explained), advice)
    if explained > -0.05 and (error["pca"] or 0.0) > (1 - LEARNED) * error["mean"]:
        words = f"It explains {explained:.1%} of the variance, and PCA with the same code size {1 - error['pca'] / error['mean']:.1%}"
        advice = "Choose a larger code_size, or give data whose columns have something to do with one another."
        return Verdict("learned nothing", "bad", f"{words}: there is little to learn here for a code so small.", advice)
    how = "worse than" if explained < 0 else "hardly better than"
    words = f"The error {model} is {how} giving back the column means ({mean}): nothing was learned."
    if counted(measures):
        words = f"{model} of the symbols come back wrong, {how} saying the commonest one of each place ({mean}): nothing was learned."
    return Verdict("untrained", "bad", words, "Train for more epochs, try another learning rate, and see whether the loss fell at all.")


def _well(measures: Measures, explained: float) -> str:
    error = measures["error"]
    model, mean = said(measures, "model", "mean")
    if not counted(measures):
        return f"It explains {explained:.1%} of the variance (error {model}; column means alone: {mean})."
    words = f"{1 - error['model']:.1%} of the symbols come back right (the commonest one of each place alone: {1 - error['mean']:.1%})"
    bits = measures.get("bits") or {}
    if None in (bits.get("model"), bits.get("alone")):
        return f"{words}."
    return f"{words}; {bits['model']:.2f} bits a symbol are left open beside the code, {bits['alone']:.2f} without one."


def against_pca(measures: Measures) -> Verdict | None:
    """Against PCA with the same code size."""
    times = ratio(measures, "model", "pca")
    if times is None or wide(measures) or around(measures):
        return None
    model, pca = said(measures, "model", "pca")
    numbers = f"{'wrong symbols' if counted(measures) else 'error'} {model} against {pca}, {times:.2f} times"
    if times < BETTER:
        return Verdict("PCA", "good", f"It beats PCA with the same code size ({numbers}).")
    if times <= CLOSE:
        words = f"It is only as good as PCA with the same code size ({numbers}): so far the network finds nothing that PCA does not."
        return Verdict("no better than PCA", "warn", words, "Train longer, widen the network, or use PCA, which takes a moment.")
    advice = "It is under-trained or too small: train longer, widen the network, or use PCA."
    if (measures.get("setting") or {}).get("bottleneck", "plain") != "plain":
        advice += " A bottleneck that charges much for the code costs error too: lower its weight."
    level = "bad" if times > LOSES else "warn"
    return Verdict("loses to PCA", level, f"This is an autoencoder that loses to PCA with the same code size ({numbers}).", advice)


def against_random(measures: Measures) -> Verdict | None:
    """Against random weights with the best linear decoder."""
    times = ratio(measures, "model", "random")
    if times is None or wide(measures) or around(measures):
        return None
    model, random = said(measures, "model", "random")
    if times < BETTER:
        words = f"Its error is {times:.2f} times that of a random encoder with the best linear decoder ({model} against {random})."
        return Verdict("random encoder", "good", words)
    error = measures["error"]
    easy = error["random"] < 0.5 * error["mean"] and (ratio(measures, "random", "pca") or 2.0) < 1.1
    if easy and times < LOSES:
        words = f"Even a random encoder does as well ({random} against {model}): this code size is too easy to show learning."
        return Verdict("random encoder", "warn", words, "Choose a smaller code_size.")
    words = f"The encoder does no better than random weights: error {model} against {random} ({times:.2f} times)."
    advice = "Train longer; if the loss stands still, change the learning rate or the network."
    return Verdict("no better than random", "bad", words, advice)


def around_the_code(measures: Measures) -> Verdict | None:
    """Whether the decoder sees more than the code."""
    if not around(measures):
        return None
    model, code = said(measures, "model", "code")
    error = measures["error"]
    words = f"The decoder sees detail that travels around the code (skips): error {model}, from the code alone {code}"
    if purpose(measures) == "denoise":
        sentence = f"{words}. That suits denoising; a low error on clean inputs says nothing here, for copying is easy."
        return Verdict("detail around the code", "note", sentence)
    if str((measures.get("setting") or {}).get("loss")).startswith("defect"):
        sentence = f"{words}. That suits finding defects, which the network says of every place, not of the code; masks tell how well."
        return Verdict("detail around the code", "note", sentence)
    empty = bool(error["mean"]) and error["code"] > (1 - LEARNED) * error["mean"]
    level = "bad" if empty or purpose(measures) in ("detect", "compress") else "warn"
    sentence = f"{words}. A low error therefore says nothing about the code{', which holds next to nothing' if empty else ''}."
    advice = "Take a network without skips, such as conv: skips are for denoising. Anomalies and features are in the code, or nowhere."
    return Verdict("detail around the code", level, sentence, advice)


def repair(measures: Measures) -> Verdict | None:
    """Whether a network for denoising takes damage away."""
    found = measures.get("repair") or {}
    if purpose(measures) != "denoise" or not found.get("damage") or found.get("left") is None:
        return None
    share = 1 - found["left"] / found["damage"]
    words = f"error {number(found['left'])}, {number(found['damage'])} before"
    if share >= REPAIRED:
        return Verdict("repair", "good", f"It takes {share:.0%} of the damage away ({words}).")
    how = "hardly anything" if share > 0 else "nothing, and adds some"
    advice = "Train longer; see whether the spoil damages the data as they are damaged in use."
    return Verdict("repairs nothing", "bad", f"Of the damage it takes away {how} ({words}).", advice)


def size(measures: Measures) -> Verdict | None:
    """Whether the code is larger than it need be, and what PCA needs for the same."""
    found = measures.get("sizes") or {}
    enough, tried, errors = found.get("enough"), found.get("sizes") or [], found.get("errors") or []
    if not enough or enough not in tried or None in errors or not errors[tried.index(enough)]:
        return None
    words, linear = _more(found, tried.index(enough)), linearly(measures)
    if found["code"] > ROOMY * enough:
        return Verdict("code size", "warn", f"{words}; this one has {found['code']}.", f"Choose code_size={enough}.")
    return Verdict("code size", "good", f"{words}{f'; {linear}' if linear else ''}.")


def _more(found: dict[str, Any], at: int) -> str:
    """What a larger code than the one that is enough would bring."""
    tried, errors, variance = found["sizes"], found["errors"], found.get("variance")
    last = min(at + 2, len(tried) - 1)
    if at == last:
        return f"A code of {tried[at]}, the largest tried, is still worth its size"
    saved = 1 - errors[last] / errors[at]
    if saved > MUCH and variance:
        explained = [f"{1 - errors[i] / variance:.1%}" for i in (at, last)]
        where = "In short trainings a" if found.get("from") == "search" else "A"
        return f"{where} code of {tried[at]} explains {explained[0]} of the variance, one of {tried[last]} {explained[1]}"
    more = f"would lower the error by {saved:.0%}" if saved >= 0.005 else "would not lower the error"
    return f"A code of {tried[at]} is enough: one of {tried[last]} {more}"


def linearly(measures: Measures) -> str:
    """How many units PCA needs for what this code holds; "" where unknown or no more."""
    found = measures.get("sizes") or {}
    needs, code = found.get("needs"), found.get("code")
    if not found or (needs is not None and needs <= code):
        return ""
    many = f"{needs}" if needs else f"more than {found['looked']}"
    return f"PCA needs {many} units for what this code holds in {code}"


def likely(measures: Measures) -> Verdict | None:
    """What a variational autoencoder says of held-out samples, and what its codes tell."""
    found = measures.get("likelihood")
    if not found or found.get("weighted") is None:
        return None
    sentence = (
        f"Held-out samples have a log-likelihood of {found['weighted']:.2f} ± {found['error']:.2f} nats ({found['draws']} draws for each "
        f"of {found['samples']}), by the bound of training {found['bound']:.2f}. Codes tell {found['information']:.1f} nats of a sample, "
        f"in {found['active']} units."
    )
    return Verdict("likelihood", "note", sentence)


JUDGES = (against_pca, learning, against_random, around_the_code, repair, size, likely)
