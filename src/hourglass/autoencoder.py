"""The one class: an autoencoder as a scikit-learn estimator, on arrays, frames and paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_random_state, validate_data
from torch import Tensor

from hourglass import files, fitting, reading, recipes
from hourglass.batches import Stream
from hourglass.errors import BadData, BadOption, BadType, NotFitted
from hourglass.model import Factories, Model
from hourglass.parts import Batch, Part, find
from hourglass.progress import training, watched
from hourglass.report.made import Report, make_report
from hourglass.uses import compress as compressing
from hourglass.uses import detect, embed, generate
from hourglass.uses.denoise import clean, native
from hourglass.uses.explain import findings
from hourglass.writing import atomic

__all__ = ["Autoencoder", "compress", "decompress", "denoise", "load"]

Path_ = str | os.PathLike[str]
PARTS = ("kind", "network", "bottleneck", "loss", "spoil")


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """An autoencoder for tables and pictures: give it data, and it learns to squeeze them through a bottleneck and rebuild them.

    Parameters
    ----------
    purpose : embed, detect, compress, denoise or generate. Chooses the recipe; a fitted model can be used in every way whatever it was.
    kind : kind of data: auto, table or image, or a Part with its options: `Part("table", label="fraud", ignore=["id"])`.
    network, bottleneck, loss, spoil : a name, a text such as `dense:widths=[64,32]`, or a `Part`. `network` may be a pair (encoder,
        decoder) of factories as in docs/design.md.
    code_size : numbers in the code (channels, where the code is spatial).
    members : networks trained side by side; scores and reconstructions are averaged over them.
    stacked : greedy layer-wise pretraining; not available yet.
    init : a fitted `Autoencoder`, or the path of one, whose weights to start from.
    anomalies : assumed share of anomalies in the training data, 0 to 0.5; that share of the worst scores is left out of the threshold.
    false_alarms : share of normal samples that may be called anomalies. Read at predict time: changing it needs no new fit.
    epochs, minutes : the budget; the step size follows it. Training stops early when held-out samples no longer improve.
    batch_size, learning_rate : samples per step, and the largest step size.
    device : auto, cpu or cuda.
    random_state : seed; the same seed, data, threads and epochs give the same weights.
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
        self.purpose = purpose
        self.kind = kind
        self.network = network
        self.bottleneck = bottleneck
        self.loss = loss
        self.spoil = spoil
        self.code_size = code_size
        self.members = members
        self.stacked = stacked
        self.init = init
        self.anomalies = anomalies
        self.false_alarms = false_alarms
        self.epochs = epochs
        self.minutes = minutes
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # ---------------------------------------------------------------- scikit-learn's manners

    def set_params(self, **params: Any) -> Autoencoder:
        """Change settings; `bottleneck__beta=4` reaches an option of a part, whose name becomes a `Part` first."""
        for name in PARTS:
            nested = any(key.startswith(f"{name}__") for key in params)
            given = params.get(name, getattr(self, name))
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
        recipes.check(self.get_params(deep=False))
        return -detect.threshold(self._fitted(), self.false_alarms)

    # ---------------------------------------------------------------- training

    def fit(self, X: Any, y: Any = None, *, checkpoint: Path_ | None = None) -> Autoencoder:
        """Train on a path (or several), a frame or an array; returns self.

        `y` is never seen by the network; `report` and nothing else may use it. `checkpoint`: a file from which a killed fit goes on.
        Ctrl-C keeps the best weights so far. Raises `BadData`, `BadOption`, `BadType`, `BadFile` or `TrainingFailed`.
        """
        recipes.check(self.get_params(deep=False))
        if self.stacked:
            raise BadOption("stacked=True is not available yet; leave stacked=False")
        source = self._checked(X, reset=True)
        reader = reading.Reader(self.kind, source)
        pieces = reader.pieces(source)
        if pieces.count < 2:
            raise BadData(f"{pieces.name}: 1 sample is not enough to train on; give at least 2, better some hundreds")
        facts = reader.learn(pieces)
        if not reading.is_path(source):
            self._labels = y
        settings = recipes.resolve(self.get_params(deep=False), reader.name, facts, pieces.count)
        settings["reading"] = str(reader.part)
        settings["anomalies"] = float(self.anomalies)
        facts |= {"seen": {name: _plain(getattr(self, name)) for name in ("n_features_in_", "feature_names_in_") if hasattr(self, name)}}
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        samples = self._samples_of(reader, pieces, facts, settings, seed)
        sample = samples.held_out() if isinstance(samples, Stream) else samples
        model = fitting.begin(reader.name, facts, settings, sample, seed, self._factories())
        if self.init is not None:
            fitting.take_over(model, _model_of(self.init))
        run = fitting.Fitting(model, samples, seed, None if checkpoint is None else Path(checkpoint))
        training(run, self.verbose)
        self.model_ = model
        self._samples = (run.training, run.held_out)
        return self

    def _samples_of(self, reader: reading.Reader, pieces: Any, facts: dict[str, Any], settings: dict[str, Any], seed: int) -> Batch | Stream:
        """All samples in memory where they fit, else a stream of them."""

        def to_tensor(chunk: Any) -> Batch:
            batch = reader.module.to_tensor(chunk, facts)
            return batch.with_x(batch.x.float()) if batch.x.dtype == torch.float64 else batch

        needed = pieces.count * int(np.prod(facts["shape"])) * 4
        if needed <= reading.room() or len(pieces.counts) == 1:
            return reading.concatenate([to_tensor(chunk) for chunk in reading.chunks(pieces)])
        return Stream(pieces, to_tensor, settings["batch_size"], seed)

    def _factories(self) -> Factories:
        """A user's own network factories, by name."""
        pair = self.network if isinstance(self.network, tuple) else ()
        return {recipes._name(factory): factory for factory in pair}

    def _checked(self, X: Any, reset: bool) -> Any:
        """Arrays, lists and frames as scikit-learn wants them; paths and pictures as they are."""
        if reading.is_path(X) or not (hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, list | tuple)):
            if X is None or isinstance(X, int | float | bool | dict):
                raise BadType(f"data are a path, an array or a frame; this is {type(X).__name__}")
            return X
        if hasattr(X, "columns") or hasattr(X, "schema"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        if getattr(X, "ndim", 2) > 2 or (isinstance(X, list) and X and not np.isscalar(X[0]) and np.ndim(X[0]) != 1):
            return X
        if isinstance(X, np.ndarray) and X.dtype.kind in "US":
            raise BadType("an array of texts is not a kind that this version reads; give numbers, a frame or a path")
        return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False)

    # ---------------------------------------------------------------- use

    def transform(self, X: Any, *, to: Path_ | None = None) -> Any:
        """Codes (n, code_size), spatial ones flattened: an array, or a pyarrow Table for paths. `to`: stream into a file instead."""
        return self._each(X, lambda model, batch, chunk: embed.codes(model, batch).numpy(), to, table="autoencoder", array=True)

    def inverse_transform(self, X: Any, *, to: Path_ | None = None) -> Any:
        """Codes (n, code_size) back to data, of the sort that the model was fitted on."""
        model = self._fitted()
        codes = _codes_of(X)
        if codes.shape[1] != model.code_size:
            raise BadData(f"codes have {codes.shape[1]} columns; this model's codes have {model.code_size}: give what `transform` gave")
        values = embed.decoded(self._at(codes.dtype), torch.from_numpy(codes))
        return self._give(values, to)

    def reconstruct(self, X: Any, *, to: Path_ | None = None) -> Any:
        """The data as the network gives them back, in the user's own columns, types, sizes and library."""
        module = self._kind()

        def rebuild(model: Model, batch: Batch, chunk: Any) -> Any:
            return module.from_tensor(embed.rebuilt(model, batch), model.facts, like=chunk)

        return self._each(X, rebuild, to)

    def score_samples(self, X: Any) -> NDArray[np.floating[Any]]:
        """How normal each sample is, (n,): minus its mean squared residual in units of the usual one. Higher is more normal."""
        return np.asarray(self._each(X, lambda model, batch, chunk: -detect.scores(model, batch).numpy(), None, array=True))

    def decision_function(self, X: Any) -> NDArray[np.floating[Any]]:
        """`score_samples - offset_`, (n,): negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for anomalies, 1 for normal samples, (n,); follows `false_alarms`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def fit_predict(self, X: Any, y: Any = None, **options: Any) -> NDArray[np.int64]:
        """`fit(X).predict(X)`."""
        return self.fit(X, y, **options).predict(X)

    def explain(self, X: Any, *, to: Path_ | None = None) -> Any:
        """One row per sample, in order: row, score (higher is more unusual), p_value, anomaly, because. A table (pyarrow, or X's library)."""
        threshold, begun = -self.offset_, [0]

        def explained(model: Model, batch: Batch, chunk: Any) -> Any:
            begun[0] += batch.count
            return findings(model, batch, chunk, threshold, begun[0] - batch.count)

        return self._each(X, explained, to, table="")

    def sample(self, n: int = 1, *, to: Path_ | None = None) -> Any:
        """`n` new samples, of the sort that the model was fitted on; drawn by `random_state`."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise BadOption(f"n={n!r}: give the number of samples, a whole number from 1 on")
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return self._give(generate.sample(self._fitted(), int(n), seed), to)

    def compress(self, X: Any, *, quality: float = 50, to: Path_ | None = None) -> bytes:
        """The samples as bytes of the .hgz format, through the bottleneck: lossy. `quality` 0 to 100; `to` writes them to a file too."""
        model, source = self._fitted(), self._checked(X, reset=False)
        reader = self._reader()
        batch = reading.everything(reader.module, reader.pieces(source), model.facts)
        data = compressing.compress(model, batch, quality)
        if to is not None:
            with atomic(to) as temporary:
                temporary.write_bytes(data)
        return data

    def decompress(self, data: bytes | Path_, *, to: Path_ | None = None, salvage: bool = False) -> Any:
        """Bytes of `compress` (or a file of them) back to samples. `salvage`: give what undamaged chunks hold."""
        given = data if isinstance(data, bytes | bytearray | memoryview) else Path(data).read_bytes()
        return self._give(compressing.decompress(self._fitted(), bytes(given), salvage), to)

    def report(self, X: Any = None, *, to: Path_ | None = None) -> Report:
        """Did the network learn anything? Measured on `X`, or right after `fit` on the held-out samples; `to`: an .html or .json file.

        A loaded model without `X` gives the measures of its last report, if one was made before it was saved.
        """
        model = self._fitted()
        report = make_report(model, *self._shown(X))
        if to is not None:
            report.write(to)
        return report

    def _shown(self, X: Any) -> tuple[Batch | None, Batch | None, Any]:
        """Training and held-out samples and labels for a report."""
        model = self._fitted()
        if X is None:
            return (*getattr(self, "_samples", (None, None)), None)
        source, reader = self._checked(X, reset=False), self._reader()
        pieces = reader.pieces(source)
        batch = reading.everything(reader.module, pieces, model.facts)
        batch = batch.with_x(batch.x.float())
        labels = reading.labels(reader.module, pieces, model.facts)
        order = torch.randperm(batch.count, generator=torch.Generator().manual_seed(0))
        half = batch.count // 2
        return batch[order[:half]], batch[order[half:]], None if labels is None else np.asarray(labels)[order[half:].numpy()]

    def save(self, path: Path_, *, force: bool = True) -> None:
        """Write the model to one file (suffix .hourglass): weights, settings, schema and what the uses learned; no training data."""
        model = self._fitted()
        model.settings["constructor"] = {
            name: (str(value) if isinstance(value, Part) else value)
            for name, value in self.get_params(deep=False).items()
            if value is None or isinstance(value, str | int | float | bool | Part)
        }
        files.write_model(model, path, force=force)

    # ---------------------------------------------------------------- inside

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFitted("This Autoencoder instance is not fitted yet. Call 'fit' with appropriate arguments before using it.")
        return self.model_

    def _kind(self) -> Any:
        return find("kinds", self._fitted().kind)

    def _reader(self) -> reading.Reader:
        return reading.Reader(self._fitted().settings["reading"])

    def _at(self, dtype: Any) -> Model:
        """The model in the precision of the data: float64 goes through in float64, anything else in float32."""
        model = self._fitted()
        if np.dtype(str(dtype).removeprefix("torch.")) != np.float64:
            return model
        return model.double()

    def _each(
        self, X: Any, use: Callable[[Model, Batch, Any], Any], to: Path_ | None, *, table: str | None = None, array: bool = False
    ) -> Any:
        """Run a use over all pieces of X; join the results, or stream them `to` a file.

        `array` results are arrays; they stay so for arrays and frames, and become a pyarrow Table with columns `table`0, 1, ... for paths.
        """
        self._fitted()
        source, reader = self._checked(X, reset=False), self._reader()
        pieces = reader.pieces(source)
        tabular = find("kinds", "table")

        def results() -> Iterator[Any]:
            for chunk in watched(reading.chunks(pieces), len(pieces.counts), self.verbose, "working"):
                batch = reader.module.to_tensor(chunk, self.model_.facts)
                result = use(self._at(batch.x.dtype), batch, chunk)
                yield _as_table(result, table) if array and table and (to is not None or reading.is_path(source)) else result

        if to is not None:
            (reader.module if table is None else tabular).write(results(), to, self.model_.facts)
            return None
        whole = reading.joined(list(results()))
        if array:
            return whole
        if table is not None:
            return tabular.restore(whole, source) if hasattr(source, "columns") else whole
        return reader.module.restore(whole, source)

    def _give(self, values: Tensor | Batch, to: Path_ | None) -> Any:
        """Values from the decoder as data of the sort that the model was fitted on."""
        module, facts = self._kind(), self.model_.facts
        x = values.x if isinstance(values, Batch) else values
        chunk = module.from_tensor(x, facts)
        if to is not None:
            module.write([chunk], to, facts)
            return None
        return chunk


def _plain(value: Any) -> Any:
    """A number or a list of texts, as JSON has them."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _as_table(codes: NDArray[Any], name: str) -> Any:
    import pyarrow as pa

    return pa.table({f"{name}{i}": column for i, column in enumerate(codes.T)})


def _codes_of(X: Any) -> NDArray[Any]:
    """Codes from a path, a frame or an array, as floats (n, code_size)."""
    if reading.is_path(X):
        reader = reading.Reader("table")
        X = reading.joined(list(reading.chunks(reader.pieces(X))))
    if hasattr(X, "to_pandas") and not hasattr(X, "__array__"):
        X = X.to_pandas()
    if hasattr(X, "column_names"):
        X = np.column_stack([np.asarray(column) for column in X.columns])
    return check_array(X, dtype=[np.float64, np.float32])  # type: ignore[no-any-return]


def _model_of(init: Any) -> Model:
    if isinstance(init, Autoencoder):
        return init._fitted()
    return load(init)._fitted()


def load(path: Path_, parts: Factories | None = None) -> Autoencoder:
    """Open a saved model. `parts` maps the names of a user's own network factories to them; nothing in the file is executed.

    Raises `BadFile`, `DamagedFile` or `NewerFile`.
    """
    model = files.read_model(path, parts)
    known = Autoencoder().get_params(deep=False)
    saved = {name: value for name, value in model.settings.get("constructor", {}).items() if name in known and name != "init"}
    loaded = Autoencoder(**saved)
    loaded.model_ = model.train(False)
    for name, value in model.facts.get("seen", {}).items():
        setattr(loaded, name, np.asarray(value, dtype=object) if isinstance(value, list) else value)
    return loaded


def compress(picture: Any, quality: float = 50, *, model: Autoencoder | Path_ | None = None, **options: Any) -> bytes:
    """A path, a Pillow image or an array as bytes of the .hgz format, through `model` (a fitted `Autoencoder` or the path of one)."""
    return _given(model, "compress").compress(picture, quality=quality, **options)


def decompress(data: bytes | Path_, model: Autoencoder | Path_ | None = None, **options: Any) -> Any:
    """What `compress` made, back to samples, by the same `model`."""
    return _given(model, "compress").decompress(data, **options)


def denoise(picture: Any, strength: float = 1.0, *, model: Autoencoder | Path_ | None = None) -> Any:
    """A picture (path, Pillow image, array) or table cleaned by `model`, as the sort of thing it was; `strength` 0 to 1 blends."""
    fitted = _given(model, "denoise")
    record = fitted._fitted()
    module = find("kinds", record.kind)
    chunk = reading.joined(list(reading.chunks(module.read(picture))))
    if len(record.shape) == 3 and native(record):
        batches = module.to_tensor(chunk, record.facts, native=True)
        cleaned = [clean(record, batch.x.float(), strength) for batch in (batches if isinstance(batches, list) else [batches])]
        values = cleaned[0] if not isinstance(batches, list) else [picture[0] for picture in cleaned]
    else:
        values = clean(record, module.to_tensor(chunk, record.facts).x, strength)
    return module.restore(module.from_tensor(values, record.facts, like=chunk), picture)


def _given(model: Autoencoder | Path_ | None, purpose: str) -> Autoencoder:
    if model is None:
        raise BadOption(
            f"this version ships no trained model to {purpose} with; fit one on your own data, hourglass fit DATA --purpose {purpose} "
            "-o MODEL, and give it: model=MODEL (-m MODEL)"
        )
    return model if isinstance(model, Autoencoder) else load(model)
