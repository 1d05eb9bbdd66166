"""Few labels: what an autoencoder learned without them, put to use with them.

    labelled rows -> probes and fine-tuned networks, judged by cross-validation -> the best of them, and whether pretraining helped

Beside them are judged the same network from scratch and, on the raw data, logistic or ridge regression and boosted trees.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from hourglass import files, labelled, objectives, reading
from hourglass.autoencoder import Autoencoder, Path_
from hourglass.errors import BadData, BadFile, BadOption, BadType, DamagedFile, NotFitted, did_you_mean
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.progress import counting
from hourglass.ready import load
from hourglass.recipes import seed_of
from hourglass.uses import goals, heads, ways

__all__ = ["TransferClassifier", "TransferRegressor", "open_labeller"]

WAYS = ("auto", "probe", "fine-tune", "scratch")
RAW = 1 << 27  # numbers of raw data that rivals are shown at most
Array = NDArray[Any]


class _Transfer(BaseEstimator):  # type: ignore[misc]
    """What the two estimators share."""

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        way: str = "auto",
        folds: Any = "auto",
        learning_rate: float = 1e-3,
        augment: str = "none",
        compare: bool = True,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.autoencoder, self.way, self.folds, self.learning_rate = autoencoder, way, folds, learning_rate
        self.augment, self.compare, self.random_state, self.verbose = augment, compare, random_state, verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")

    def fit(self, X: Any, y: Any = None, *, column: str = "") -> Any:
        """Learn from labelled rows; returns self.

        X: arrays, frames or paths as `Autoencoder` takes them. `y` (n,): a label for each row, missing (None, NaN, empty) where there is
        none; without `y` it is the `column` of a table, or the label that pictures have (names of folders, `y` of an .npz).
        Raises `BadData`, `BadOption`, `SchemaMismatch`, and what `Autoencoder.fit` raises where that is not fitted yet.
        """
        self._check()
        seed = seed_of(self.random_state)
        if y is not None and isinstance(X, np.ndarray) and X.ndim and np.ndim(y) and len(y) != len(X):
            raise BadData(f"y has {len(y)} labels for {len(X)} samples; give one for each, None where it is not known")
        self.autoencoder_ = self._pretrained(X, seed)
        model = self.autoencoder_.model_
        batch, given = labelled.everything(self.autoencoder_, X, column, y is None)
        labels = given if y is None else column_or_1d(np.asarray(y, dtype=object), warn=True)
        if labels is None:
            raise BadData(
                f"{type(self).__name__} requires y to be passed, but the target y is None, and X tells no labels; give y, or column= of a "
                "table, or files in a folder for each class"
            )
        if len(labels) != batch.count:
            raise BadData(f"y has {len(labels)} labels for {batch.count} samples; give one for each, None where it is not known")
        name = column or "y"
        rows, goal = self._goal(
            labelled.plain(labels), name, self.autoencoder_ is not self.autoencoder and not reading.is_path(self.autoencoder)
        )
        taps = {tap: heads.seen(model, batch[rows], tap) for tap in heads.taps(model)}
        known = ways.Labelled(batch[rows], taps, labelled.raw(batch[rows], model), goal.targets(labelled.plain(labels)[rows]))
        self.judged_ = self._judge(model, known, goal, seed)
        own = [each for each in self.judged_ if each.name in self._own()]
        best = max(own, key=lambda each: (each.mean, -each.loss))
        self.model_, self.head_ = ways.made(model, known, goal, best, seed, self._tuning(len(rows), seed))
        self.head_.requires_grad_(False)
        self.goal_, self.best_, self.tap_, self.column_ = goal, best.name, best.how["tap"], name
        if goal.classes is not None:
            self.classes_ = np.array(goal.classes)
        for kept in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.autoencoder_, kept):
                setattr(self, kept, getattr(self.autoencoder_, kept))
        return self

    @property
    def comparison_(self) -> dict[str, float]:
        """The mean score of every way, best first: AUROC of two classes, accuracy of more, R squared of numbers."""
        self._fitted()
        return {each.name: each.mean for each in sorted(self.judged_, key=lambda each: -each.mean)}

    @property
    def verdict_(self) -> str:
        """Whether pretraining helped, in words."""
        self._fitted()
        return ways.verdict(self.judged_, self.best_, self.goal_.measure)

    def save(self, path: Path_, *, force: bool = True) -> None:
        """One file (suffix .hourglass) that holds the autoencoder as it was, and what labels taught beside it; see `open_labeller`."""
        model = self._fitted()
        whole = self.autoencoder_.model_
        arrays = {name: value for name, value in whole.arrays.items() if not name.startswith("transfer.")}
        arrays |= {f"transfer.head.{name}": value for name, value in self.head_.state_dict().items()}
        if model.encoder is not whole.encoder:
            arrays |= {f"transfer.encoder.{name}": value for name, value in model.encoder.state_dict().items()}
        told = {"goal": self.goal_._asdict(), "best": self.best_, "tap": self.tap_, "column": self.column_}
        told |= {"judged": [dataclasses.asdict(each) for each in self.judged_], "estimator": type(self).__name__}
        whole.settings.setdefault("constructor", {"purpose": whole.settings.get("purpose", "embed")})
        files.write_model(dataclasses.replace(whole, arrays=arrays, record=whole.record | {"transfer": told}), path, force=force)

    def _check(self) -> None:
        """Refuse settings that cannot be meant."""
        if self.way not in WAYS:
            raise BadOption(f"way={self.way!r}: {did_you_mean(str(self.way), WAYS)}")
        whole = isinstance(self.folds, int | np.integer) and not isinstance(self.folds, bool)
        if self.folds != "auto" and not (whole and 1 <= self.folds <= 100):
            raise BadOption(f"folds={self.folds!r}: give auto, or a whole number from 1 (one division) to 100")
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
            raise BadOption(f"learning_rate={rate!r}: give the largest step size, a number above 0 and at most 1, such as 0.001")
        if not isinstance(self.autoencoder, Autoencoder | None) and not (reading.is_path(self.autoencoder)):
            raise BadType(f"autoencoder is an Autoencoder, fitted or not, or the path of a saved one; this is {self.autoencoder!r:.80}")

    def _pretrained(self, X: Any, seed: int) -> Autoencoder:
        """The autoencoder, fitted now where it is not yet, on all rows, labelled or not."""
        given = self.autoencoder
        if given is not None and not isinstance(given, Autoencoder):
            return load(given).set_params(verbose=self.verbose)
        if given is not None and hasattr(given, "model_"):
            return given
        fitted = Autoencoder() if given is None else clone(given)
        if fitted.random_state is None:
            fitted.random_state = seed
        return fitted.fit(X)

    def _tuning(self, rows: int, seed: int) -> dict[str, Any]:
        """How networks are trained."""
        generator = torch.Generator().manual_seed(seed)
        spoil = None if self.augment == "none" else objectives.changer(self.augment, generator)
        return {"rate": float(self.learning_rate), "rows": rows, "spoil": spoil}

    def _judge(self, model: Model, known: ways.Labelled, goal: goals.Goal, seed: int) -> list[ways.Judged]:
        """Every way that is wanted."""
        count = len(known.y)
        number = self.folds if self.folds != "auto" else 5 if count < 1000 else 3 if count < 5000 else 1
        rivals = (ways.LINEAR, ways.TREES) if self.way == "probe" else (ways.SCRATCH, ways.LINEAR, ways.TREES)
        wanted = self._own() + (rivals if self.compare else ())
        parts = ways.folds(known.y, goal, int(number), seed)
        with counting(self.verbose, "judging") as draw:
            return ways.judged(model, known, goal, parts, wanted, seed, draw, self._tuning(count, seed))

    def _own(self) -> tuple[str, ...]:
        """The ways of which the best is taken."""
        probes = tuple(ways.PROBES.values())
        return {"auto": (*probes, ways.FINE), "probe": probes, "fine-tune": (ways.FINE,), "scratch": (ways.SCRATCH,)}[self.way]

    def _goal(self, labels: Array, name: str, partly: bool) -> tuple[NDArray[np.int64], goals.Goal]:
        raise NotImplementedError

    def _fitted(self) -> Model:
        if not hasattr(self, "head_"):
            raise NotFitted(f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments first.")
        return self.model_

    def _said(self, X: Any) -> Array:
        """What the head says of every row, (n, outputs)."""
        self._fitted()
        return np.concatenate([self.answers(known.batch) for known in labelled.batches(self.autoencoder_, X)])

    def answers(self, batch: Batch) -> Array:
        """What the head says of samples as tensors, (n, outputs); `goal_` tells what it means. Tables are computed in float64."""
        model, head = self._fitted(), self.head_
        if model.kind == "table":
            model, head, batch = model.double(), copy.deepcopy(head).double(), batch.with_x(batch.x.double())
        return heads.outputs(model, head, batch, self.tap_).numpy()


class TransferClassifier(ClassifierMixin, _Transfer):  # type: ignore[misc]
    """A classifier that stands on an autoencoder: probes of its code, or its encoder trained further, whichever cross-validation prefers.

    Parameters
    ----------
    autoencoder : an `Autoencoder`, the path of a saved one, or None for one of the default recipe. One that is not fitted is fitted on
        all rows that `fit` is given, labelled or not. It is never changed.
    way : auto, probe (the encoder stays as it is), fine-tune, or scratch (the same network, which forgets what it had learned).
    folds : of the cross-validation; auto: 5, with 1,000 labels 3, with 5,000 one division.
    learning_rate : the largest step size of the network from scratch; fine-tuning takes .3 of it, and the first layer a tenth of the last.
    augment : a spoil such as `moves` that changes pictures as they are trained on, here and from scratch alike.
    compare : judge the same network from scratch, and regression and boosted trees on the raw data, too.
    random_state : seed. verbose : draw progress bars.

    Attributes
    ----------
    classes_ : the classes. comparison_ : the score of every way. verdict_ : whether pretraining helped. best_ : the way that was taken.

    Examples
    --------
    >>> import numpy as np
    >>> from hourglass import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 6)).astype("float32")
    >>> y = np.where(X[:, 0] > 0, "high", "low").astype(object)
    >>> y[40:] = None  # few labels
    >>> found = TransferClassifier(Autoencoder(code_size=3, epochs=5), way="probe", random_state=0).fit(X, y)
    >>> found.predict(X[:2]).shape
    (2,)
    """

    def _goal(self, labels: Array, name: str, partly: bool) -> tuple[NDArray[np.int64], goals.Goal]:
        return goals.classes(labels, name, partly)

    def predict(self, X: Any) -> Array:
        """The likeliest class of every row, (n,)."""
        best = self._said(X).argmax(1)
        found: Array = self.classes_[best]
        return found

    def predict_proba(self, X: Any) -> Array:
        """The probability of every class, (n, classes), in the order of `classes_`."""
        said = self._said(X)
        return self.goal_.chances(said)


class TransferRegressor(RegressorMixin, _Transfer):  # type: ignore[misc]
    """A regressor that stands on an autoencoder; parameters and attributes as `TransferClassifier` has them.

    Numbers that lie more than 10 usual spreads from the median are counting in, and it is said: a few wild ones would outweigh the rest.
    """

    def _goal(self, labels: Array, name: str, partly: bool) -> tuple[NDArray[np.int64], goals.Goal]:
        return goals.numbers(labels, name, partly)

    def predict(self, X: Any) -> Array:
        """The number of every row, (n,)."""
        return self._said(X)[:, 0].astype(np.float64) * self.goal_.spread + self.goal_.center


def open_labeller(path: Path_) -> TransferClassifier | TransferRegressor:
    """What `save` of a `TransferClassifier` or `TransferRegressor` wrote. Raises `BadFile`, `DamagedFile` or `NewerFile`."""
    autoencoder = load(path)
    model = autoencoder.model_
    told = model.record.pop("transfer", None)
    if told is None:
        raise BadFile(
            f"{path} holds an autoencoder that knows no labels; teach it some: hourglass label {path} LABELLED --column Y -o CLASSIFIER"
        )
    try:
        made: Any = {"TransferClassifier": TransferClassifier, "TransferRegressor": TransferRegressor}[told["estimator"]](autoencoder)
        goal = goals.Goal(**told["goal"])
        parts = {name: model.arrays.pop(name) for name in list(model.arrays) if name.startswith("transfer.")}
        head = heads.Head(*(parts[f"transfer.head.{name}"] for name in ("mean", "scale", "weight", "bias"))).requires_grad_(False)
        width = heads.seen(model, heads.nothing(model), told["tap"]).shape[1]
        if head.weight.shape != (goal.outputs, width) or head.mean.shape != (width,) or told["tap"] not in heads.TAPS:
            raise ValueError("the head does not fit the encoder")
        made.autoencoder_, made.model_, made.head_, made.goal_ = autoencoder, _thawed(model, parts), head, goal
        made.best_, made.tap_, made.column_ = told["best"], told["tap"], told["column"]
        made.judged_ = [ways.Judged(**each) for each in told["judged"]]
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as trouble:
        raise DamagedFile(f"{path} is damaged: what labels taught it cannot be read ({trouble})") from trouble
    if goal.classes is not None:
        made.classes_ = np.array(goal.classes)
    return made  # type: ignore[no-any-return]


def _thawed(model: Model, parts: dict[str, Tensor]) -> Model:
    """The model with the encoder that was trained further, where there is one."""
    weights = {name.removeprefix("transfer.encoder."): value for name, value in parts.items() if name.startswith("transfer.encoder.")}
    if not weights:
        return model
    own = model.to(torch.float32)
    own.encoder.load_state_dict(weights)
    return dataclasses.replace(model, encoder=own.encoder, doubled=None, codec=None)
