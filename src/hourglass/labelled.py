"""Labelled data: samples with the label of each, from what a user gives to a fitted autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hourglass import frames, reading, results
from hourglass.errors import BadData, SchemaMismatch, did_you_mean
from hourglass.model import Model
from hourglass.parts import Batch, Part, concatenate

__all__ = ["Known", "batches", "everything", "fractions", "plain", "raw"]

TABLES = ("table",)
Array = NDArray[Any]


class Known(NamedTuple):
    """Samples of a chunk in float32, their `labels` where there are some, and columns that tell `where` each is."""

    batch: Batch
    labels: Any
    where: dict[str, Any]


def batches(autoencoder: Any, X: Any, column: str = "", asked: bool = True) -> Iterator[Known]:
    """Chunks of X as samples, with their labels where a `column` or the kind tells them.

    Raises `SchemaMismatch` where the column is one that the model was trained on, `BadData` where samples are parts of rows.
    """
    model = autoencoder.model_
    reader, facts = reading.Reader(model.settings.get("reading", model.kind)), model.facts
    left_out = reading.left_out(reader.part)
    if column and reader.name in TABLES:
        if asked and column in (each["name"] for each in facts.get("columns") or ()):
            raise SchemaMismatch(
                f"the model was trained on the column {column!r}, so that it knows the answer; fit it again without: --label {column}"
            )
        reader, facts, left_out = _named(reader, column), facts | {"label": column}, [*left_out, column]
    elif asked and reader.name == "image" and reading.is_path(X):
        reader = _named(reader, column or (None if str(X).lower().endswith((".npz", ".npy")) else "folder"))
    if asked and reading.library(X):
        _has(column, list(X.columns), "the frame", facts)
    source = frames.timed(X, facts, getattr(autoencoder, "feature_names_in_", ()))
    pieces = reader.pieces(reading.checked(autoencoder, source, False, left_out))
    for count, chunk in zip(pieces.counts, reading.chunks(pieces), strict=True):
        if asked:
            _has(column, getattr(chunk, "column_names", None), pieces.name, facts)
        batch, _ = results.samples(reader.module, chunk, facts)
        if batch.count != count:
            raise BadData(
                f"{pieces.name}: this model sees {reader.name} in parts, {batch.count:,} of {count:,} samples, and labels are for samples; "
                "cut the data into samples as long as one part, and fit on these"
            )
        where = reader.module.places(chunk, facts) if hasattr(reader.module, "places") else {}
        labels = reader.module.labels(chunk, facts)
        if labels is None and asked and "file" in where:  # sounds, videos, texts: each in the folder of its class
            labels = np.array([Path(file).parent.name for file in where["file"]], dtype=object)
        yield Known(reading.single(batch), labels, where)


def _named(reader: reading.Reader, label: str | None) -> reading.Reader:
    """The same kind of data, its labels of that name."""
    return reading.Reader(Part(reader.name, *reader.part.values, **(reader.part.options | {"label": label})))


def _has(column: str, here: Any, name: str, facts: dict[str, Any]) -> None:
    """Refuse a table without the column of labels; `here` are its columns, None where it has no names."""
    if not column or here is None or column in here:
        return
    known = {each["name"] for each in facts.get("columns") or ()}
    raise SchemaMismatch(f"{name} has no column {column!r}: {did_you_mean(column, [each for each in here if each not in known])}")


def everything(autoencoder: Any, X: Any, column: str, labelled: bool) -> tuple[Batch, Array | None]:
    """All samples of X, and their labels."""
    found = list(batches(autoencoder, X, column))
    labels = [known.labels for known in found]
    batch = concatenate([known.batch for known in found])
    if not labelled or any(each is None for each in labels):
        return batch, None
    return batch, np.concatenate([np.asarray(each, dtype=object) for each in labels])


def fractions(autoencoder: Any, X: Any, column: str) -> bool:
    """Whether the labels are numbers with fractions, so that they cannot be meant as classes."""
    first = next(batches(autoencoder, X, column)).labels
    values = [] if first is None else plain(np.asarray(first, dtype=object)).tolist()
    return any(isinstance(each, float) and each == each and not each.is_integer() for each in values)


def plain(labels: Array) -> Array:
    """Labels as Python has them, whatever library they come from: whole numbers in floats as whole numbers."""
    values = [each.item() if hasattr(each, "item") else each for each in labels.tolist()]
    whole = all(isinstance(each, float) and (each != each or each.is_integer()) for each in values)
    found = np.empty(len(values), dtype=object)
    found[:] = [int(each) if whole and each == each and abs(each) < 2**53 else each for each in values]
    return found


def raw(batch: Batch, model: Model) -> Array:
    """The samples as rows of numbers for rivals; of texts, how often each symbol stands in them."""
    if batch.x.dtype != torch.long:
        return batch.x.flatten(1).numpy()
    symbols = int(model.facts["symbols"])
    real = torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask
    return np.stack([np.bincount(row[kept].numpy(), minlength=symbols) for row, kept in zip(batch.x, real, strict=True)]).astype(np.float32)
