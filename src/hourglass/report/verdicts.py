"""What the numbers mean, in plain words: did the network learn something, and what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Verdict", "conclusion", "summary", "verdicts"]

Measures = dict[str, Any]

# Where the lines are drawn. Errors are compared after adding a thousandth of the variance to each, so that nobody loses by rounding.
SLACK = 1e-3
LEARNED = 0.1  # below this share of the variance explained, nothing was learned
LOSES, CLOSE = 1.25, 1.03  # against PCA: clearly worse, and no longer equal
COPIES, SMALL = 1.5, 0.1  # unlike data over held-out data; a small error, as a share of the variance
OVERFIT, SLIGHTLY = 2.0, 1.3  # held-out error over training error
STILL_FALLING = 0.03  # share of the whole fall that happened in the last quarter
FEW = 20  # held-out rows
BRIEF, SLOW = 50, 1e-4  # steps of training; learning rate


class Verdict(NamedTuple):
    """One judgement: `name`, `level` (good, warn or bad), a `sentence` with its number, and `advice` ("" when all is well)."""

    name: str
    level: str
    sentence: str
    advice: str = ""


def verdicts(measures: Measures) -> list[Verdict]:
    """Judge the numbers of `measure`; the worst first. Each judgement that its numbers do not allow is left out.

    >>> verdicts({"troubles": ["the rate was halved at epoch 3"]})[0].level
    'warn'
    """
    error = measures.get("error") or {}
    if error and error.get("model") is None:
        found = [_broken()]
    else:
        found = [verdict for judge in JUDGES if (verdict := judge(measures)) is not None]
    found += [
        Verdict(
            "trouble in training", "warn", text, "If the result is poor, lower the learning rate and look for extreme values in the data."
        )
        for text in measures.get("troubles") or []
    ]
    return sorted(found, key=lambda verdict: ("bad", "warn", "good").index(verdict.level))


def conclusion(found: list[Verdict]) -> str:
    """The answer in one line."""
    bad = [verdict.name for verdict in found if verdict.level == "bad"]
    if bad:
        return f"No, not as it should: {', '.join(dict.fromkeys(bad))}."
    doubts = sum(verdict.level == "warn" for verdict in found)
    if not found:
        return "Unknown: there was nothing to measure."
    return f"Yes, with {doubts} reservation{'s' * (doubts > 1)}." if doubts else "Yes."


def summary(measures: Measures, found: list[Verdict]) -> str:
    """The report for a terminal: the answer, then a line per verdict with what to change."""
    rows = measures.get("rows") or {}
    lines = [f"Did it learn something? {conclusion(found)}"]
    for verdict in found:
        lines.append(f"  {verdict.level:<4}  {verdict.name}: {verdict.sentence}")
        if verdict.advice and verdict.level != "good":
            lines.append(f"        -> {verdict.advice}")
    if rows.get("held_out"):
        lines.append(f"  Measured on {rows['measured']:,} of {rows['held_out']:,} held-out rows.")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, no needless exponent.

    >>> number(0.012345), number(1234.5)
    ('0.0123', '1,230')
    """
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if 100 <= abs(short) < 1e6 else f"{short:.3g}"


def _ratio(measures: Measures, above: str, below: str) -> float | None:
    """One error over another, each with a little slack; None where one is missing or nothing varies."""
    error = measures.get("error") or {}
    first, second, variance = error.get(above), error.get(below), error.get("mean")
    if first is None or second is None or not variance:
        return None
    slack = SLACK * variance
    return float((first + slack) / (second + slack))


def _wide(measures: Measures) -> bool:
    """Whether the code is as wide as the data: PCA and a random encoder then lose nothing, and are no rivals of a network that repairs."""
    sizes = measures.get("dimensions")
    return sizes is not None and bool(sizes) and sizes["code"] >= sizes["width"]


def _errors(measures: Measures, *names: str) -> list[str]:
    return [number(measures["error"][name]) for name in names]


def _broken() -> Verdict:
    return Verdict(
        "broken",
        "bad",
        "The network gives back values that are not numbers.",
        "Train again with a learning rate ten times smaller; look for infinite or enormous values in the data.",
    )


def _learning(measures: Measures) -> Verdict | None:
    """Against the column means."""
    error = measures.get("error") or {}
    if error.get("mean") is None:
        return None
    if error["mean"] == 0:
        return Verdict("constant data", "bad", "The data do not vary: there is nothing to learn.", "Give data in which something changes.")
    explained = 1 - error["model"] / error["mean"]
    model, mean = _errors(measures, "model", "mean")
    if explained >= LEARNED:
        return Verdict("learning", "good", f"It explains {explained:.1%} of the variance (error {model}; column means alone: {mean}).")
    if explained > -0.05 and (error["pca"] or 0.0) > (1 - LEARNED) * error["mean"]:
        words = f"It explains {explained:.1%} of the variance, and PCA with the same code size {1 - error['pca'] / error['mean']:.1%}"
        advice = "Choose a larger code_size, or give data whose columns have something to do with one another."
        return Verdict("learned nothing", "bad", f"{words}: there is little to learn here for a code so small.", advice)
    how = "worse than" if explained < 0 else "hardly better than"
    return Verdict(
        "untrained",
        "bad",
        f"The error {model} is {how} giving back the column means ({mean}): nothing was learned.",
        "Train for more epochs, try another learning rate, and see whether the loss fell at all.",
    )


def _against_random(measures: Measures) -> Verdict | None:
    """Against random weights with the best linear decoder."""
    ratio = _ratio(measures, "model", "random")
    if ratio is None or _wide(measures):
        return None
    model, random = _errors(measures, "model", "random")
    if ratio < 0.97:
        words = f"Its error is {ratio:.2f} times that of a random encoder with the best linear decoder ({model} against {random})."
        return Verdict("random encoder", "good", words)
    error = measures["error"]
    easy = error["random"] < 0.5 * error["mean"] and (_ratio(measures, "random", "pca") or 2.0) < 1.1
    if easy and ratio < LOSES:
        return Verdict(
            "random encoder",
            "warn",
            f"Even a random encoder does as well ({random} against {model}): this code size is too easy to show learning.",
            "Choose a smaller code_size.",
        )
    return Verdict(
        "no better than random",
        "bad",
        f"The encoder does no better than random weights: error {model} against {random} ({ratio:.2f} times).",
        "Train longer; if the loss stands still, change the learning rate or the network.",
    )


def _against_pca(measures: Measures) -> Verdict | None:
    """Against PCA with the same code size."""
    ratio = _ratio(measures, "model", "pca")
    if ratio is None or _wide(measures):
        return None
    model, pca = _errors(measures, "model", "pca")
    numbers = f"error {model} against {pca}, {ratio:.2f} times"
    if ratio <= CLOSE:
        words = "It beats" if ratio < 0.97 else "It is as good as"
        return Verdict("PCA", "good", f"{words} PCA with the same code size ({numbers}).")
    advice = "It is under-trained or too small: train longer, widen the network, or use PCA."
    if (measures.get("setting") or {}).get("bottleneck", "plain") != "plain":
        advice += " A bottleneck that charges much for the code costs error too: lower its weight."
    level = "bad" if ratio > LOSES else "warn"
    return Verdict("loses to PCA", level, f"This is an autoencoder that loses to PCA with the same code size ({numbers}).", advice)


def _copying(measures: Measures) -> Verdict | None:
    """Whether it gives back anything at all, data or not."""
    ratio, sizes = _ratio(measures, "unlike", "model"), measures.get("dimensions")
    if ratio is None or not sizes:
        return None
    setting = measures.get("setting") or {}
    free = str(setting.get("bottleneck", "plain")).startswith("plain") and not setting.get("spoil")
    small = measures["error"]["model"] < SMALL * measures["error"]["mean"]
    wide = _wide(measures)
    unlike = f"inputs unlike the training data come back with {ratio:.2f} times the error of held-out ones"
    if (small and ratio < COPIES) or (wide and free):
        width = f", and the code ({sizes['code']}) is as wide as the data ({sizes['width']})" if wide else ""
        smaller = max(1, min(sizes["effective"], sizes["width"] - 1) // 2)
        less = f"Choose a smaller code_size (such as {smaller}), or spoil" if smaller < sizes["code"] else "Give more columns, or spoil"
        advice = f"{less} the inputs, so that it must learn what belongs together."
        return Verdict("merely copies", "bad", f"It can copy whatever it is given: {unlike}{width}.", advice)
    if ratio < COPIES:
        return Verdict("copying", "warn", f"It hardly tells data from nonsense: {unlike}.", "Train longer, or choose a smaller code_size.")
    though = f", though the code ({sizes['code']}) is as wide as the data ({sizes['width']}); PCA is no rival there" if wide else ""
    return Verdict("copying", "good", f"It does not merely copy: {unlike}{though}.")


def _overfit(measures: Measures) -> Verdict | None:
    """Training rows against held-out rows; what PCA loses between them too is no fault of the network."""
    ratio, harder = _ratio(measures, "model", "training"), _ratio(measures, "pca", "pca_training") or 1.0
    if ratio is None or not measures["rows"]["held_out"]:
        return None
    held_out, training = _errors(measures, "model", "training")
    numbers = f"held-out error {held_out} against {training} on training rows, {ratio:.2f} times; for PCA {harder:.2f} times"
    excess = ratio / max(1.0, harder)
    if excess < SLIGHTLY:
        return Verdict("overfitting", "good", f"It does about as well on rows that it has not seen ({numbers}).")
    advice = "Give more rows, a smaller network or code_size, fewer epochs, or spoil the inputs."
    if excess > OVERFIT and (_ratio(measures, "model", "pca") or 2.0) > CLOSE:
        return Verdict("overfits", "bad", f"It has learned its training rows by heart ({numbers}).", advice)
    return Verdict("overfits", "warn", f"Part of what it learned holds for its training rows alone ({numbers}).", advice)


def _units(measures: Measures) -> Verdict | None:
    """Whether the code says anything, and how much of it."""
    code = measures.get("code")
    if not code or measures["rows"]["held_out"] == 1:
        return None
    units, active = code["units"], code["active"]
    error = measures.get("error") or {}
    held_down = code.get("gaussian") and error.get("mean") and 1 - error["model"] / error["mean"] < LEARNED
    if code["collapsed"] or held_down:
        numbers = f"KL {number(code['cost'] or 0.0)} nats, {active} of {units} units in use"
        words = f"The code says {'nothing' if code['collapsed'] else 'next to nothing'}: {numbers} (posterior collapse)."
        return Verdict("collapsed code", "bad", words, "Lower beta, warm the KL up for longer, or use free bits.")
    if code["still"]:
        advice = "The encoder is dead: lower the learning rate, or change the activation."
        return Verdict("dead code", "bad", "Every input gets the same code.", advice)
    if active < units:
        channels = (measures.get("setting") or {}).get("code_size") or units  # of a spatial code, each with many units
        enough = -(-active * channels // units)
        advice = f"A code_size of {enough} would do as well." if enough < channels else ""
        return Verdict("unused code units", "warn", f"{units - active} of {units} code units hardly vary: {active} are in use.", advice)
    return Verdict("code units", "good", "The code unit is in use." if units == 1 else f"All {units} code units are in use.")


def _length(measures: Measures) -> Verdict | None:
    """Whether there was much training, and whether the held-out loss was still falling at the end."""
    history = measures.get("history") or [{}]
    values = [row["held_out"] for row in history if row.get("held_out") is not None]
    if (steps := history[-1].get("step", BRIEF)) < BRIEF:
        words = f"Training took only {steps} step{'s' * (steps != 1)}, each of one batch."
        return Verdict("training length", "warn", words, "Train longer: more epochs or minutes, or a smaller batch_size.")
    if len(values) < 4:
        return None
    rate, width = (measures.get("setting") or {}).get("learning_rate"), (measures.get("dimensions") or {}).get("width", 0)
    if rate and rate < SLOW and values[0] - values[-1] < 0.02 * width:
        words = f"The held-out loss hardly moved, from {number(values[0])} to {number(values[-1])}, at a learning rate of {rate:.2g}."
        return Verdict("training length", "warn", words, "Raise the learning rate to about 0.002, or leave it to the recipe.")
    three_quarters, whole = values[len(values) * 3 // 4 - 1], max(values) - min(values)
    share = (three_quarters - values[-1]) / whole if whole > 0 else 0.0
    if share <= STILL_FALLING:
        return Verdict("training length", "good", "The held-out loss had settled when training ended.")
    words = f"The held-out loss was still falling: {share:.0%} of its whole fall came in the last quarter of training."
    return Verdict("training length", "warn", words, "Train longer: more epochs or minutes.")


def _labels(measures: Measures) -> Verdict | None:
    """What labels say that the network never saw."""
    labels = measures.get("labels")
    if not labels:
        return None
    measured = "auroc" if "auroc" in labels else "nearest"
    model, pca = labels[measured], labels[f"{measured}_pca"]
    words = f"The error tells labels 0 and 1 apart with an AUROC of {model:.3f}; PCA's: {pca:.3f}."
    if measured == "nearest":
        words = f"The nearest other code has the same label for {model:.1%} of rows; with PCA: {pca:.1%}."
    if model >= pca - 0.02:
        return Verdict("labels", "good", words)
    return Verdict(
        "labels", "warn", f"{words} On your labels, PCA does better.", "Try another code_size, or a purpose that fits the labels."
    )


def _doubts(measures: Measures) -> Verdict | None:
    """Whether the numbers can be trusted."""
    count, far = measures.get("rows", {}).get("held_out"), measures.get("outliers")
    if count is not None and count < FEW:
        words = (
            f"Only {count} held-out row{'s' * (count > 1)}" if count else "No held-out rows: everything was measured on the training rows"
        )
        return Verdict("few rows", "warn", f"{words}; the numbers here are shaky.", "Give more rows.")
    if far:
        words = f"{far} rows lie so far out that any mean would be about them alone; they were left out of these numbers."
        return Verdict("outliers", "warn", words, "See whether these rows are mistakes in the data.")
    return None


Judge = Callable[[Measures], Verdict | None]
JUDGES: tuple[Judge, ...] = (_learning, _against_pca, _against_random, _copying, _overfit, _units, _length, _labels, _doubts)
