"""The one class: an autoencoder as a scikit-learn estimator, on arrays, frames and paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from torch import Tensor

from hourglass import files, fitting, frames, own, packing, photos, reading, recipes, results, sizing, spans, stacking, starting, tailoring
from hourglass.batches import Stream
from hourglass.errors import BadData, BadOption, NotFitted, did_you_mean
from hourglass.model import Factories, Model
from hourglass.named import check_parts
from hourglass.parts import Batch, Cut, Part, find
from hourglass.progress import told, training, watched
from hourglass.report.detection import counts
from hourglass.report.given import given, labels_of
from hourglass.report.made import Report, make_report
from hourglass.uses import compress as compressing
from hourglass.uses import detect, embed, generate, maps, rates, rowwise
from hourglass.uses import events as happening
from hourglass.uses.adapt import adapted
from hourglass.uses.explain import findings, numbered
from hourglass.uses.fill import filled

__all__ = ["Autoencoder"]

Path_ = str | os.PathLike[str]
SEEN = ("n_features_in_", "feature_names_in_")
ALONE = "1 sample is not enough to train on; give at least 2, better some hundreds"
PARTS = ("kind", "network", "bottleneck", "loss", "spoil")


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """An autoencoder for tables, series, pictures, sound, video and text: it learns to squeeze them through a bottleneck and rebuild them.

    Parameters
    ----------
    purpose : embed, detect, compress, denoise or generate. Chooses the recipe; a fitted model can be used in every way whatever it was.
    kind : auto, table, series, image, audio, video or text, or a Part with its options: `Part("series", time="at", window=64)`.
    network, bottleneck, loss, spoil : a name, a text such as `dense:widths=[64,32]`, or a `Part`. `network` may be a pair (encoder,
        decoder) of factories as in docs/design.md.
    code_size : numbers in the code (channels, where the code is spatial).
    members : networks trained side by side; scores and reconstructions are averaged over them.
    stacked : train layer by layer first, in a quarter of the budget; for deep networks without a linear path, see docs/python.md.
    init : a fitted `Autoencoder`, or the path of one, whose weights to start from.
    anomalies : assumed share of anomalies in the training data, 0 to 0.5; that share of the worst scores is left out of the threshold.
    false_alarms : share of normal samples that may be called anomalies. Read at predict time: changing it needs no new fit.
    epochs, minutes : the budget; the step size follows it. Training stops early when held-out samples no longer improve.
    batch_size, learning_rate : samples per step, and the largest step size.
    device : auto or cpu; other devices follow.
    random_state : seed, a generator of numpy, or None; the same seed, data, threads and epochs give the same weights.
    verbose : draw progress bars.

    Every "auto" is filled in by the recipe for the kind and purpose (`recipes.py`); `model_.settings` shows what was chosen.

    Attributes
    ----------
    model_ : the record of what was learned (`hourglass.model.Model`). encoder_, decoder_ : plain `torch.nn.Module`s.
    n_features_in_ : columns of the table. offset_ : `decision_function` is `score_samples - offset_`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
    >>> model = Autoencoder(code_size=2, epochs=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (200, 2)
    """

    def __init__(
        self,
        purpose: str = "embed",
        *,
        kind: Any = "auto",
        network: Any = "auto",
        bottleneck: Any = "auto",
        loss: Any = "auto",
        spoil: Any = "auto",
        code_size: Any = "auto",
        members: Any = "auto",
        stacked: bool = False,
        init: Any = None,
        anomalies: float = 0.0,
        false_alarms: float = 0.01,
        epochs: Any = "auto",
        minutes: float | None = None,
        batch_size: Any = "auto",
        learning_rate: Any = "auto",
        device: str = "auto",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.purpose, self.kind, self.network, self.bottleneck, self.loss, self.spoil = purpose, kind, network, bottleneck, loss, spoil
        self.code_size, self.members, self.stacked, self.init = code_size, members, stacked, init
        self.anomalies, self.false_alarms = anomalies, false_alarms
        self.epochs, self.minutes, self.batch_size, self.learning_rate = epochs, minutes, batch_size, learning_rate
        self.device, self.random_state, self.verbose = device, random_state, verbose

    # ---------------------------------------------------------------- scikit-learn's manners

    def set_params(self, **params: Any) -> Autoencoder:
        """Change settings; `bottleneck__beta=4` reaches an option of a part, whose name becomes a `Part` first."""
        known = self.get_params(deep=False)
        for key in params:
            name, _, option = key.partition("__")
            if name not in known or (option and name not in PARTS):
                raise BadOption(f"Invalid parameter {key!r} for estimator Autoencoder: {did_you_mean(key, PARTS if option else known)}")
        for name in PARTS:
            nested = any(key.startswith(f"{name}__") for key in params)
            given = params.get(name, getattr(self, name))
            if nested and not isinstance(given, str | Part):
                raise BadOption(f"{name}={given!r} has no options to set; give a name or a Part")
            if nested and isinstance(given, str):
                params = {name: Part.parse(given), **{key: value for key, value in params.items() if key != name}}
        super().set_params(**params)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # missing values are taken as they are
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        """Without the samples that `report` may use right after a fit: they are the user's data."""
        return {name: value for name, value in super().__getstate__().items() if name != "_samples"}

    @property
    def _n_features_out(self) -> int:
        return self.model_.code_size

    @property
    def encoder_(self) -> torch.nn.Module:
        """The trained encoder: samples (B, *shape) to what the bottleneck takes."""
        return self._fitted().encoder

    @property
    def decoder_(self) -> torch.nn.Module:
        """The trained decoder: codes to outputs, as the loss takes them."""
        return self._fitted().decoder

    @property
    def offset_(self) -> float:
        """The score at which `decision_function` is zero; follows `false_alarms`."""
        recipes.check(dict(vars(self)))  # settings are attributes: quicker than get_params, which reads signatures
        return -detect.threshold(self._fitted(), self.false_alarms)

    # ---------------------------------------------------------------- training

    def fit(self, X: Any, y: Any = None, *, checkpoint: Path_ | None = None) -> Autoencoder:
        """Train on a path (or several), a frame or an array; returns self.

        `y` is never seen by the network; `report` and nothing else may use it. `checkpoint`: a file from which a killed fit goes on.
        Ctrl-C keeps the best weights so far. Raises `BadData`, `BadOption`, `BadType`, `BadFile` or `TrainingFailed`.
        """
        self._check()
        source = self._checked(X, reset=True)
        reader = reading.Reader(self.kind, source)
        pieces = reader.pieces(source)
        y = reading.counted(y, pieces.count)
        if pieces.count < 2 and not hasattr(reader.module, "cut"):
            raise BadData(f"{pieces.name}: {ALONE}")
        facts = reader.learn(pieces, reading.native(self.get_params(deep=False)), **recipes.reading_of(self.purpose))
        told(facts["reading"], self.verbose)
        seed = recipes.seed_of(self.random_state)
        facts["seen"] = self._seen(source, facts)
        told_of = {"reading": str(reader.part), "anomalies": float(self.anomalies), "library": reading.library(source)}
        begun = tailoring.begin(self.get_params(deep=False) | {"init": self._init({})}, reader, pieces, facts, seed)
        if begun is not None:
            begun.model.settings |= told_of
            codec = tailoring.Tailoring(*begun, checkpoint)
            training(codec, self.verbose, "training a codec")
            self.model_, self._samples = codec.model, tailoring.seen(codec)
            return self
        cut = reading.parts(reader.module, pieces, facts, seed) if facts.get("cut") else None
        count = pieces.count if cut is None else cut.samples.count
        if count < 2:
            raise BadData(f"{pieces.name}: {ALONE}")
        settings = recipes.resolve(self.get_params(deep=False), reader.name, facts, count)
        settings |= told_of | ({"columns": names} if (names := frames.odd_names(source)) else {})
        settings |= stacking.checked(settings) if self.stacked else {}
        samples = cut or reading.samples(reader.module, pieces, facts, settings, seed)
        model = self._built(reader.name, facts, settings, samples, seed)
        run = fitting.Fitting(model, samples, seed, None if checkpoint is None else Path(checkpoint))
        training(stacking.stacked(run) if self.stacked else run, self.verbose)
        model.arrays |= maps.learned(model, pieces, cut, run.held_rows)
        self.model_ = model
        if y is None and not isinstance(samples, Stream):
            y = reading.labels(reader.module, pieces, facts)
        model.record["labels"] = counts(y)
        self._samples = (run.training, run.held_out, None if isinstance(samples, Stream) else labels_of(run, y, count, cut))
        return self

    def _check(self) -> None:
        """Refuse settings that cannot be meant, before anything is read."""
        settings = self.get_params(deep=False)
        recipes.check(settings)
        check_parts(settings)
        if self.stacked and self.init is not None:
            raise BadOption("stacked=True trains every layer from the beginning, and init= gives layers that are trained; leave one out")

    def _seen(self, source: Any, facts: dict[str, Any]) -> dict[str, Any]:
        """What scikit-learn wants to know of the columns, kept with the facts for loaded models."""
        if reading.is_path(source):
            for name in SEEN:
                if hasattr(self, name):
                    delattr(self, name)
            if "order" in facts:
                left_out = {facts["label"], *facts["ignored"]}
                self.feature_names_in_ = np.array([name for name in facts["order"] if name not in left_out], dtype=object)
                self.n_features_in_ = len(self.feature_names_in_)
        found = {name: getattr(self, name) for name in SEEN if hasattr(self, name)}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}  # as JSON has them

    def _built(self, kind: str, facts: dict[str, Any], settings: dict[str, Any], samples: Batch | Cut | Stream, seed: int) -> Model:
        """The network before training: built, started at PCA or at the weights of `init`."""
        sample, parts = fitting.learned_from(samples, seed), own.factories(self.network)

        def begin(these: dict[str, Any]) -> Model:
            return fitting.begin(kind, facts, these, sample, seed, parts)

        if settings.pop("sized"):
            return sizing.sized(begin, samples, settings, seed, self.verbose)
        model = own.check_network(lambda: begin(settings), self.network) if parts else begin(settings)
        return starting.started(model, self._init(parts))

    def _init(self, parts: Factories) -> Any:
        """The model to start from, or None."""
        if self.init is None or isinstance(self.init, Autoencoder):
            return self.init and self.init._fitted()
        return sizing.model_at(self.init, parts)

    def _checked(self, X: Any, reset: bool) -> Any:
        """Arrays, lists and frames as scikit-learn wants them; paths and pictures as they are."""
        X = X if reset else frames.timed(X, self._fitted().facts, getattr(self, "feature_names_in_", ()))
        return reading.checked(self, X, reset, reading.left_out(self.kind))

    # ---------------------------------------------------------------- use

    def transform(self, X: Any, *, to: Path_ | None = None) -> Any:
        """Codes (n, code_size), spatial ones flattened: an array, or a pyarrow Table for paths. `to`: stream into a file instead."""
        codes = self._each(X, lambda model, batch, chunk, layout: embed.codes(model, batch).numpy(), to, table="autoencoder", array=True)
        wanted = getattr(self, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
        return codes if wanted == "default" or to is not None else reading.codes(spans.parted(codes)[0])  # frames are made of arrays

    def inverse_transform(self, X: Any, *, to: Path_ | None = None) -> Any:
        """Codes (n, code_size) back to data, of the sort that the model was fitted on."""
        model = self._fitted()
        given, beside = spans.parted(X)
        codes = reading.codes(given)
        if codes.shape[1] != model.code_size:
            raise BadData(f"codes have {codes.shape[1]} columns; this model's codes have {model.code_size}: give what `transform` gave")
        values, layout = spans.laid(model, embed.decoded(self._at(codes.dtype), torch.from_numpy(codes)), beside)
        return self._give(values, to, layout)

    def reconstruct(self, X: Any, *, fill: bool = False, to: Path_ | None = None) -> Any:
        """The data as the network gives them back, in the user's own columns, types, sizes and library. `fill`: only what was missing."""
        module, use, put = self._kind(), filled if fill else embed.rebuilt, results.filled_in if fill else results.put_back

        def rebuild(model: Model, batch: Batch, chunk: Any, layout: Any) -> Any:
            return put(module, use(model, batch), model.facts, layout, chunk)

        return self._each(X, rebuild, to)

    def score_samples(self, X: Any) -> NDArray[np.floating[Any]]:
        """How normal each row is, (n,): minus its mean squared residual in units of the usual one. Higher is more normal.

        A row is a row of a table, a picture, a time step of a series, a file of sound or video, a text.
        """

        def score(model: Model, batch: Batch, chunk: Any, layout: Any) -> Any:
            return -rowwise.rated(model, batch, layout).scores

        return np.asarray(self._each(X, score, None, array=True, whole=results.merged))

    def decision_function(self, X: Any) -> NDArray[np.floating[Any]]:
        """`score_samples - offset_`, (n,): negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any, *, false_discoveries: float | None = None) -> NDArray[np.int64]:
        """-1 for anomalies, 1 for normal samples, (n,); follows `false_alarms`.

        `false_discoveries`: instead, at most this share of what is called an anomaly is normal, over all samples of X together.
        """
        scores = self.score_samples(X)
        offset = self.offset_ if false_discoveries is None else -self._controlled(scores, false_discoveries).threshold
        return np.where(scores - offset < 0, -1, 1)

    def _controlled(self, scores: NDArray[np.floating[Any]], share: float) -> rates.Control:
        return rates.controlled(self.model_, detect.p_values(self.model_, torch.from_numpy(-scores)).double().numpy(), share)

    def fit_predict(self, X: Any, y: Any = None, **options: Any) -> NDArray[np.int64]:
        """`fit(X).predict(X)`."""
        return self.fit(X, y, **options).predict(X)

    def explain(
        self, X: Any, *, events: bool = False, false_discoveries: float | None = None, to: Path_ | None = None, maps: Any = None
    ) -> Any:
        """One row per sample, in order: row, score (higher: more unusual), p_value, anomaly, because. A table (pyarrow, or X's library).

        `false_discoveries`: as in `predict`. `events`: of series one row per event. `maps`: called with each picture and its map (H, W).
        """
        if events:
            levels = happening.levels(self._fitted(), self.false_alarms)
            return self._each(X, partial(happening.happened, levels), to, table="", whole=happening.numbered)
        control = None if false_discoveries is None else self._controlled(self.score_samples(X), false_discoveries)
        threshold = -self.offset_ if control is None else control.threshold

        def explained(model: Model, batch: Batch, chunk: Any, layout: Any) -> Any:
            return findings(model, batch, chunk, threshold, layout, maps)

        def whole(made: Iterable[Any], counts: Sequence[int]) -> Iterable[Any]:
            found = numbered(self.model_, made, counts, threshold)
            return found if control is None else (rates.with_q(table, control) for table in found)

        return self._each(X, explained, to, table="", whole=whole)

    def adapt(self, X: Any) -> Autoencoder:
        """Follow slow change: the usual residuals and the known scores move towards those of X, the weights never do; returns self."""
        reader, facts = self._reader(), self._fitted().facts
        batch = results.everything(reader.module, reader.pieces(self._checked(X, reset=False)), facts)
        told(adapted(self.model_, batch), self.verbose, "adapting:")
        return self

    def sample(self, n: int = 1, *, temperature: float = 1.0, like: Any = None, between: Any = None, to: Path_ | None = None) -> Any:
        """`n` new samples. `temperature`: 0 the most usual; `like`: variations of these data; `between`: steps from A to B of a pair."""
        near = [reading.codes(spans.parted(self.transform(one))[0]) for one in generate.given(like, between)]
        return self._give(generate.sample(self._fitted(), n, recipes.seed_of(self.random_state), temperature, near), to)

    def compress(self, X: Any, *, quality: float = 50, max_error: float | None = None, to: Path_ | None = None) -> bytes:
        """The samples as .hgz bytes, lossy. `quality` 0 to 100; `max_error`: no number comes back further off, in standard deviations."""
        source = X if photos.is_codec(self._fitted()) else self._checked(X, reset=False)
        return packing.packed(self.model_, self._reader(), source, quality, to, max_error)

    def decompress(self, data: bytes | Path_, *, to: Path_ | None = None, salvage: bool = False) -> Any:
        """Bytes of `compress` (or a file of them) back to samples. `salvage`: give what undamaged chunks hold."""
        given = reading.contents(data)
        if (codec := photos.of_model(self._fitted())) is not None:
            return packing.picture_unpacked(codec, given, to, salvage)
        values = compressing.decompress(self.model_, given, salvage)
        return self._give(values, to, compressing.layout_in(self.model_, given))

    def report(self, X: Any = None, y: Any = None, *, training: Any = None, masks: str | None = None, to: Path_ | None = None) -> Report:
        """Did the network learn anything? Measured on `X`, or right after `fit` on the held-out samples; `to`: an .html or .json file.

        `y`: labels, to see whether the code tells them apart (by default the label column, where the kind was given one), or of anomalies
        whether others find them better: nearest neighbours, an isolation forest and PCA, fitted to `training`, or to what `fit` kept.

        `masks`: of pictures, a folder or suffix. A loaded model without `X` gives the measures of its last report, if it has one.
        """
        model = self._fitted()
        seen = getattr(self, "_samples", (None, None, None))
        if X is not None:
            known = seen[0] if training is None else self._checked(training, reset=False)
            seen = given(model, self._reader(), self._checked(X, reset=False), y, known, masks)
        report = make_report(model, *seen)
        if to is not None:
            report.write(to)
        return report

    def save(self, path: Path_, *, force: bool = True) -> None:
        """Write the model to one file (suffix .hourglass): weights, settings, schema and what the uses learned; no training data."""
        model = self._fitted()
        model.settings["constructor"] = {
            name: (str(value) if isinstance(value, Part) else value)
            for name, value in self.get_params(deep=False).items()
            if value is None or isinstance(value, str | int | float | bool | Part)
        }
        files.write_model(photos.narrow(model), path, force=force)

    # ---------------------------------------------------------------- inside

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFitted("This Autoencoder instance is not fitted yet. Call 'fit' with appropriate arguments before using it.")
        return self.model_

    def _kind(self) -> Any:
        return find("kinds", self._fitted().kind)

    def _reader(self) -> reading.Reader:
        return reading.Reader(self._fitted().settings.get("reading", self.model_.kind))

    def _at(self, dtype: Any) -> Model:
        """The model in the precision of the data: float64 goes through in float64, anything else in float32."""
        model = self._fitted()
        if np.dtype(str(dtype).removeprefix("torch.")) != np.float64:
            return model
        return model.double()

    def _each(
        self,
        X: Any,
        use: Callable[[Model, Batch, Any, Any], Any],
        to: Path_ | None,
        *,
        table: str | None = None,
        array: bool = False,
        whole: Callable[[Iterable[Any], Sequence[int]], Iterable[Any]] = lambda made, counts: made,
    ) -> Any:
        """Run a use over all pieces of X; join the results, or stream them `to` a file.

        `array` results are arrays; they stay so for arrays and frames, and become a pyarrow Table with columns `table`0, 1, ... for paths.
        `whole` makes one row of those that go on from piece to piece, by the pieces' counts.
        """
        source, reader, tabular = self._checked(X, reset=False), self._reader(), find("kinds", "table")
        pieces, placed = reader.pieces(source), to is not None or reading.is_path(source)

        def made() -> Iterator[Any]:
            for chunk in watched(reading.chunks(pieces), len(pieces.counts), self.verbose, "working"):
                batch, layout = results.samples(reader.module, chunk, self.model_.facts)
                result = use(self._at(batch.x.dtype), batch, chunk, layout)
                yield spans.table(result, self.model_, chunk, layout) if array and table and placed else result

        found = whole(made(), pieces.counts)
        if to is not None:
            (reader.module if table is None else tabular).write(found, to, self.model_.facts)
            return None
        result = reading.joined(list(found))
        if array:
            return result
        if table is not None:
            return tabular.restore(result, source) if hasattr(source, "columns") else result
        result = reader.module.restore(result, X if isinstance(X, np.ndarray) and X.dtype.kind in "buif" else source)
        return frames.as_given(result, X, self.model_.facts)

    def _give(self, values: Tensor | Batch, to: Path_ | None, layout: Any = None) -> Any:
        """Values from the decoder as data of the sort that the model was fitted on."""
        module, facts = self._kind(), self.model_.facts
        x = values.x if isinstance(values, Batch) else values
        chunk = results.put_together(module, x, facts, layout)
        if to is not None:
            module.write([chunk], to, facts)
            return None
        return frames.in_library(chunk, *(self.model_.settings.get(name, "") for name in ("library", "columns")))
