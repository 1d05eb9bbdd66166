"""Error against code size, of the network and of PCA: is the bottleneck too large?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from hourglass.model import Model
from hourglass.report.baselines import Principal, filled
from hourglass.report.passes import Seen
from hourglass.uses.embed import decoded

__all__ = ["sizes"]

TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
ENOUGH = 1.05  # times the error of the whole code
SLACK = 1e-3  # of the variance
FAR = 0.2


def sizes(model: Model, asked: Seen, fitted: Principal, error: dict[str, float | None]) -> dict[str, Any] | None:
    """Errors at several code sizes; None for codes with places (pictures), and where detail travels around the code.

    `sizes` and `errors` are those of the search for the size, or of an ordered code that is cut (empty where there is neither); `pca` the
    errors of PCA at `pca_sizes`; `enough` the size that suffices; `needs` what PCA needs for the error of this model.
    """
    model_error = error["model"]
    if len(model.code_shape) > 1 or asked.alone is not None or model_error is None or model.code_size >= asked.x.shape[1]:
        return None
    found: dict[str, Any] = {"code": model.code_size, "model": model_error, **_own(model, asked), "variance": error["mean"]}
    most = min(len(fitted.components), max(TRIED[-1], model.code_size))
    tried = range(1, most + 1) if asked.mask is None else [k for k in TRIED if k < most] + [most]
    errors = _linear(asked, fitted, list(tried))
    slack = SLACK * (error["mean"] or 0.0)
    needs = next((k for k, value in zip(tried, errors, strict=True) if value <= model_error + slack), None)
    most_shown = 2 * max([model.code_size, needs or 0, *found["sizes"]])
    least = FAR * min([model_error, *found["errors"]])  # where PCA has long been better, its curve only squeezes the others
    shown = [(k, value) for k, value in zip(tried, errors, strict=True) if k <= max(4, most_shown) and value >= least]
    return found | {"pca_sizes": [k for k, _ in shown], "pca": [value for _, value in shown], "needs": needs, "looked": most}


def _own(model: Model, asked: Seen) -> dict[str, Any]:
    """What is known of the network's own errors at other sizes."""
    ordered = getattr(model.bottleneck, "at", None)
    if ordered is not None and getattr(model.bottleneck, "sizes", None) is None and model.code_size > 1:
        whole = model.code_size
        tried = [k for k in TRIED if k < whole] + [whole]
        errors = [_over(asked, decoded(model, ordered(asked.z, k)).flatten(1)) for k in tried]
        enough = next(k for k, value in zip(tried, errors, strict=True) if not value > ENOUGH * errors[-1])
        return {"from": "ordered", "sizes": tried, "errors": errors, "enough": enough}
    record = model.record.get("sizes")
    if record and len(record["sizes"]) == len(record["errors"]):
        return {"from": "search", "sizes": list(record["sizes"]), "errors": list(record["errors"]), "enough": record["chosen"]}
    return {"from": "", "sizes": [], "errors": [], "enough": None}


def _linear(asked: Seen, fitted: Principal, tried: list[int]) -> list[float]:
    """Errors of PCA with its first components; without holes what each one explains is taken off, one after the other."""
    if asked.mask is not None:
        x = filled(asked.x, asked.mask)
        return [_over(asked, fitted.first(k).reconstruct(x, asked.mask)) for k in tried]
    away = (asked.x - fitted.mean).double()
    explained = fitted.encode(asked.x).double().square().mean(0).cumsum(0) / away.shape[1]
    return (away.square().mean() - explained).clamp_min(0)[[k - 1 for k in tried]].tolist()


def _over(seen: Seen, back: Tensor) -> float:
    square = (seen.x - back).double().square()
    return float(square.mean() if seen.mask is None else square[seen.mask].mean())
