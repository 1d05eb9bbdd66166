"""Models that are ready: open one from a file, or use one in a single call."""

from __future__ import annotations

from typing import Any

import numpy as np

from hourglass import cleaning, files, photos, reading, sounds
from hourglass.autoencoder import Autoencoder, Path_
from hourglass.errors import BadOption, BadType
from hourglass.kinds import audio, image
from hourglass.model import Factories
from hourglass.packing import picture_packed, picture_unpacked
from hourglass.parts import find
from hourglass.uses.denoise import clean, native

__all__ = ["compress", "decompress", "denoise", "load"]


def load(path: Path_, parts: Factories | None = None) -> Autoencoder:
    """Open a saved model. `parts` maps the names of a user's own network factories to them; nothing in the file is executed.

    Raises `BadFile`, `DamagedFile` or `NewerFile`.
    """
    if not reading.is_path(path) or isinstance(path, list | tuple):
        raise BadType(f"a model is opened by its path; this is {type(path).__name__}")
    model = photos.wide(files.read_model(path, parts))
    known = Autoencoder().get_params(deep=False)
    saved = {name: value for name, value in model.settings.get("constructor", {}).items() if name in known and name != "init"}
    loaded = Autoencoder(**saved)
    loaded.model_ = model.train(False)
    for name, value in model.facts.get("seen", {}).items():
        setattr(loaded, name, np.asarray(value, dtype=object) if isinstance(value, list) else value)
    return loaded


def compress(picture: Any, quality: float = 50, *, model: Autoencoder | Path_ | None = None, **options: Any) -> bytes:
    """A path, a Pillow image or an array as bytes of the .hgz format, through the shipped picture codec or through your `model`.

    Of the picture codec `bytes=50_000` takes the best that fits, `psnr=35` the smallest that reaches it, `to` writes a file too.
    """
    codec, fitted = _codec(model)
    if codec is not None:
        return picture_packed(codec, picture, quality, **options)
    made: bytes = fitted.compress(picture, quality=quality, **options)
    return made


def decompress(data: bytes | Path_, model: Autoencoder | Path_ | None = None, **options: Any) -> Any:
    """What `compress` made, back: of the picture codec an array (H, W) or (H, W, 3 or 4), of another model its sort of samples.

    `to` writes a file instead, a picture with its EXIF and colour profile; `salvage=True` gives what undamaged chunks hold.
    """
    codec, fitted = _codec(model)
    return fitted.decompress(data, **options) if codec is None else picture_unpacked(codec, data, **options)


def _codec(model: Autoencoder | Path_ | None) -> tuple[photos.Shipped | None, Any]:
    """The picture codec that is meant, or None and another fitted model."""
    if model is None:
        return photos.shipped(), None
    fitted = model if isinstance(model, Autoencoder) else load(model)
    return photos.of_model(fitted._fitted()), fitted


def denoise(picture: Any, strength: float = 1.0, *, model: Autoencoder | Path_ | None = None, **options: Any) -> Any:
    """A picture (path, Pillow image, array) without its noise, as the sort of thing it was, of a path an array; `strength` 0 to 1 blends.

    A TIFF of several pages becomes an array of them, or one such file.
    Without `model`, by the shipped denoiser. `to` writes a file instead, with EXIF and colour profile; `careful=True` averages eight looks.
    Paths of sounds become lists of `Sound`, each at its own rate; `to` writes them, however long. A `model` of yours also takes tables,
    series, video and text.
    """
    if model is None and audio.claims(picture):
        return _hushed(picture, strength, None, **options)
    if model is None:
        return _without_noise(picture, strength, **options)
    fitted = model if isinstance(model, Autoencoder) else load(model)
    return _cleaned_by(fitted, picture, strength, **options)


def _cleaned_by(fitted: Autoencoder, data: Any, strength: float, to: Path_ | None = None, careful: bool = False, **unknown: Any) -> Any:
    """Data of any kind through a model of the user's."""
    record = fitted._fitted()
    if sounds.gated(record) and not careful and not unknown:
        return _hushed(data, strength, fitted, to)
    pictures = len(record.shape) == 3 and native(record)
    if unknown or (careful and not pictures):
        what = next(iter(unknown), "careful")
        raise BadOption(f"{what}: denoise has strength, to, careful (of pictures, where the code is spatial) and model")
    module = find("kinds", record.kind)
    chunk = reading.joined(list(reading.chunks(fitted._reader().pieces(data))))
    if pictures:
        batches = module.to_tensor(chunk, record.facts, native=True)
        several = batches if isinstance(batches, list) else [batches]
        cleaned = [clean(record, batch.x.float(), strength, 8 if careful else 1) for batch in several]
        values = cleaned[0] if not isinstance(batches, list) else [each[0] for each in cleaned]
    else:
        x = module.to_tensor(chunk, record.facts).x
        values = clean(fitted._at(x.dtype), x, strength)
    made = module.from_tensor(values, record.facts, like=chunk)
    return module.restore(made, data) if to is None else module.write([made], to, record.facts)


def _hushed(data: Any, strength: float, fitted: Autoencoder | None, to: Path_ | None = None, **unknown: Any) -> Any:
    """Sounds through the shipped gate or the user's, a piece at a time."""
    if unknown:
        raise BadOption(f"{next(iter(unknown))}: denoise has strength, to and model for sounds")
    pieces = audio.read(data) if fitted is None else fitted._reader().pieces(data)
    done = sounds.Cleaning(pieces, strength, None if fitted is None else fitted.model_)
    if to is not None:
        return audio.write(done, to, {} if fitted is None else fitted.model_.facts)
    return audio.restore(reading.joined(list(done)), data)


def _without_noise(picture: Any, strength: float, to: Path_ | None = None, careful: bool = False, **unknown: Any) -> Any:
    """One picture, or all pages of a TIFF, through the shipped denoiser."""
    if unknown:
        raise BadOption(f"the shipped denoiser has no option {next(iter(unknown))!r}; it has strength, to, careful and model")
    if pages := cleaning.pages_of(picture):
        every = (each.picture for each in cleaning.clean_pages(pages, strength, careful))
        if to is not None:
            return image.write(([page] for page in every), to, {"range": [0.0, 1.0], "dtype": "float32", "stacks": True})
        return np.stack([_plain(page) for page in every])
    cleaned = cleaning.clean_picture(cleaning.picture_of(picture), strength, careful).picture
    if to is not None:
        image.write([[cleaned]], to, {"range": [0.0, 1.0], "dtype": str(cleaned.pixels.dtype)})
        return None
    if reading.is_path(picture):
        return _plain(cleaned)
    made = image.restore([cleaned], picture)
    return made.reshape(picture.shape) if isinstance(picture, np.ndarray) else made


def _plain(picture: image.Picture) -> Any:
    """The array (H, W) or (H, W, 2 to 4) of a picture."""
    return picture.full[..., 0] if picture.full.shape[-1] == 1 else picture.full
