"""Judges who ask whether a low error means anything: copying, learning by heart, idle units, too little training, too few rows."""

from __future__ import annotations

from hourglass.report.words import CLOSE, Measures, Verdict, around, number, purpose, ratio, said
from hourglass.report.words import wide as is_wide

__all__ = ["JUDGES"]

LEARNED = 0.1  # below this share of the variance explained, nothing was learned
COPIES, SMALL = 1.5, 0.1  # unlike data over held-out data; a small error, as a share of the variance
OVERFIT, SLIGHTLY = 2.0, 1.3  # held-out error over training error
STILL_FALLING = 0.03  # share of the whole fall that happened in the last quarter
FEW = 20  # held-out rows
BRIEF, SLOW = 50, 1e-4  # steps of training; learning rate


def copying(measures: Measures) -> Verdict | None:
    """Whether it gives back anything at all, data or not."""
    times, sizes = ratio(measures, "unlike", "model"), measures.get("dimensions")
    if times is None or not sizes or around(measures):
        return None
    setting = measures.get("setting") or {}
    free = str(setting.get("bottleneck", "plain")).startswith("plain") and not setting.get("spoil")
    small = measures["error"]["model"] < SMALL * measures["error"]["mean"]
    wide = is_wide(measures)
    unlike = f"inputs unlike the training data come back with {times:.2f} times the error of held-out ones"
    if (small and times < COPIES) or (wide and free):
        width = f", and the code ({sizes['code']}) is as wide as the data ({sizes['width']})" if wide else ""
        smaller = max(1, min(sizes["effective"], sizes["width"] - 1) // 2)
        less = f"Choose a smaller code_size (such as {smaller}), or spoil" if smaller < sizes["code"] else "Give more columns, or spoil"
        advice = f"{less} the inputs, so that it must learn what belongs together."
        return Verdict("merely copies", "bad", f"It can copy whatever it is given: {unlike}{width}.", advice)
    if times < COPIES:
        return Verdict("copying", "warn", f"It hardly tells data from nonsense: {unlike}.", "Train longer, or choose a smaller code_size.")
    though = f", though the code ({sizes['code']}) is as wide as the data ({sizes['width']}); PCA is no rival there" if wide else ""
    return Verdict("copying", "good", f"It does not merely copy: {unlike}{though}.")


def overfit(measures: Measures) -> Verdict | None:
    """Training rows against held-out rows; what PCA loses between them too is no fault of the network."""
    times, harder = ratio(measures, "model", "training"), ratio(measures, "pca", "pca_training") or 1.0
    if times is None or not measures["rows"]["held_out"]:
        return None
    held_out, training = said(measures, "model", "training")
    numbers = f"held-out error {held_out} against {training} on training rows, {times:.2f} times; for PCA {harder:.2f} times"
    excess = times / max(1.0, harder)
    if excess < SLIGHTLY and times > OVERFIT:
        words = f"Rows that it has not seen come back far worse than training rows, as they do from PCA ({numbers})."
        unlike = "Give more rows; where the data change from place to place or with time, train on rows like those it is meant for."
        return Verdict("unlike rows", "warn", words, unlike)
    if excess < SLIGHTLY:
        return Verdict("overfitting", "good", f"It does about as well on rows that it has not seen ({numbers}).")
    advice = "Give more rows, a smaller network or code_size, fewer epochs, or spoil the inputs."
    if excess > OVERFIT and (ratio(measures, "model", "pca") or 2.0) > CLOSE:
        return Verdict("overfits", "bad", f"It has learned its training rows by heart ({numbers}).", advice)
    return Verdict("overfits", "warn", f"Part of what it learned holds for its training rows alone ({numbers}).", advice)


def units(measures: Measures) -> Verdict | None:
    """Whether the code says anything, and how much of it."""
    code = measures.get("code")
    if not code or measures["rows"]["held_out"] == 1:
        return None
    if around(measures) and purpose(measures) == "denoise":  # what a denoiser gives back has come around the code
        return None
    units, active = code["units"], code["active"]
    error = measures.get("error") or {}
    if error.get("mean") == 0:  # constant data are told as such
        return None
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


def length(measures: Measures) -> Verdict | None:
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


def labels(measures: Measures) -> Verdict | None:
    """What labels say that the network never saw."""
    found = measures.get("labels")
    if not found or measures.get("detection"):
        return None
    measured = "auroc" if "auroc" in found else "nearest"
    model, pca = found[measured], found[f"{measured}_pca"]
    words = f"The error tells labels 0 and 1 apart with an AUROC of {model:.3f}; PCA's: {pca:.3f}."
    if measured == "nearest":
        words = f"The nearest other code has the same label for {model:.1%} of rows; with PCA: {pca:.1%}."
    if model >= pca - 0.02:
        return Verdict("labels", "good", words)
    return Verdict(
        "labels", "warn", f"{words} On your labels, PCA does better.", "Try another code_size, or a purpose that fits the labels."
    )


def doubts(measures: Measures) -> Verdict | None:
    """Whether the numbers can be trusted."""
    count, far = measures.get("rows", {}).get("held_out"), measures.get("outliers")
    enough = bool((measures.get("removed") or {}).get("noise"))  # a tile of a picture has thousands of pixels, each with its noise
    if count is not None and count < FEW and not (enough and count):
        words = (
            f"Only {count} held-out row{'s' * (count > 1)}" if count else "No held-out rows: everything was measured on the training rows"
        )
        return Verdict("few rows", "warn", f"{words}; the numbers here are shaky.", "Give more rows.")
    if far:
        words = f"{far} rows lie so far out that any mean would be about them alone; they were left out of these numbers."
        return Verdict("outliers", "warn", words, "See whether these rows are mistakes in the data.")
    return None


def likelihood(measures: Measures) -> Verdict | None:
    """Whether the loss counts nats."""
    setting = measures.get("setting") or {}
    if setting.get("likelihood", True):
        return None
    words = f"The loss {setting.get('loss')} is no likelihood: what training lowers are no nats, and compare with no other loss."
    return Verdict("no nats", "note", words)


JUDGES = (copying, overfit, units, length, labels, likelihood, doubts)
