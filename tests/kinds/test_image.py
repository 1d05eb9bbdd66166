"""The kind image: what it takes, what it learns, and that every picture comes back as it went in."""

from __future__ import annotations

import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from hourglass.errors import BadData, BadFile, BadOption, BadType, CannotWrite, MissingExtra, SchemaMismatch
from hourglass.kinds import image
from hourglass.kinds._picture_save import save

RANDOM = np.random.default_rng(0)


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def load_one(path, **options):
    pieces = image.read(path, **options)
    assert pieces.count == 1
    return pieces.load(0)[0]


def round_trip(source, **options):
    pieces = image.read(source, **options)
    facts = image.learn(pieces)
    chunk = pieces.load(0)
    return chunk, facts, image.from_tensor(image.to_tensor(chunk, facts).x, facts, chunk)


@pytest.mark.parametrize(
    ("mode", "suffix", "channels", "alpha"),
    [
        ("1", ".png", 1, False),
        ("L", ".png", 1, False),
        ("LA", ".png", 1, True),
        ("RGB", ".bmp", 3, False),
        ("RGBA", ".webp", 3, True),
        ("P", ".png", 3, False),
        ("L", ".pgm", 1, False),
        ("RGB", ".ppm", 3, False),
        ("RGB", ".avif", 3, False),
        ("RGB", ".tif", 3, False),
        ("L", ".jpg", 1, False),
        ("RGB", ".gif", 3, False),
    ],
)
def test_modes_and_formats(tmp_path, mode, suffix, channels, alpha):
    picture = Image.fromarray(noise(10, 14, 4)).convert("RGB" if mode == "P" else mode).convert(mode)
    picture.save(tmp_path / f"a{suffix}", **({"lossless": True} if suffix == ".webp" else {}))
    read = load_one(tmp_path / f"a{suffix}")
    assert read.pixels.shape == (10, 14, channels)
    assert read.pixels.dtype == np.uint8
    assert (read.alpha is not None) == alpha
    with Image.open(tmp_path / f"a{suffix}") as again:
        want = np.asarray(again.convert("L" if channels == 1 else "RGB"))
    if not alpha:
        assert (read.pixels.squeeze() == want).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_come_back_exactly(tmp_path, channels, suffix):
    full = noise(9, 7, channels, dtype=np.uint16)
    pixels, alpha = (full[..., :-1], full[..., -1]) if channels in (2, 4) else (full, None)
    dense = {"dpi": (300.0, 300.0), "icc_profile": b"profile" * 9}
    save(image.Picture(pixels, "a", alpha, dense), tmp_path / f"a{suffix}")
    read = load_one(tmp_path / f"a{suffix}")
    assert read.pixels.shape == pixels.shape
    assert (read.pixels == pixels).all()
    assert (read.alpha is None) if alpha is None else (read.alpha == alpha).all()
    assert read.metadata["dpi"] == pytest.approx((300, 300), rel=1e-3)
    assert read.metadata["icc_profile"] == dense["icc_profile"]
    chunk, _, back = round_trip(tmp_path / f"a{suffix}")
    assert back[0].pixels.dtype == np.uint16
    assert (back[0].pixels == chunk[0].pixels).all()


def test_16_bit_colour_without_pyav_says_so(tmp_path, monkeypatch):
    save(image.Picture(noise(9, 7, 3, dtype=np.uint16)), tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"a\.png: .*pip install av"):
        image.read(tmp_path)


def test_compressed_deep_tiff(tmp_path):
    grey = noise(9, 7, dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert (load_one(tmp_path / "a.tif").pixels[..., 0] == grey).all()


def test_16_bit_ppm_and_pgm(tmp_path):
    for suffix, channels in ((".ppm", 3), (".pgm", 1)):
        pixels = noise(5, 6, channels, dtype=np.uint16)
        save(image.Picture(pixels), tmp_path / f"a{suffix}")
        assert (load_one(tmp_path / f"a{suffix}").pixels == pixels).all()


def test_float_tiff_comes_back_and_nan_is_named(tmp_path):
    values = RANDOM.normal(3, 20, (8, 8, 3)).astype(np.float32)
    save(image.Picture(values), tmp_path / "a.tif")
    chunk, facts, back = round_trip(tmp_path / "a.tif")
    assert facts["range"] == pytest.approx([values.min(), values.max()])
    assert np.allclose(back[0].pixels, values, atol=1e-4)
    values[2, 3, 1] = values[0, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "bad.tif", values, photometric="rgb")
    with pytest.raises(BadData, match=r"bad\.tif: 2 of 192 values are not finite"):
        image.read(tmp_path / "bad.tif")
    assert chunk[0].pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exif_orientation_is_applied_and_gone(tmp_path, orientation, suffix):
    pixels = np.repeat(np.repeat(noise(2, 3, 3), 16, 0), 16, 1)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"
    Image.fromarray(pixels).save(tmp_path / f"a{suffix}", exif=exif, **({"quality": 95} if suffix == ".jpg" else {}))
    from PIL import ImageOps

    with Image.open(tmp_path / f"a{suffix}") as opened:
        want = np.asarray(ImageOps.exif_transpose(opened))
    read = load_one(tmp_path / f"a{suffix}")
    assert (read.pixels == want).all()
    image.write([[read]], tmp_path / f"b{suffix}", image.learn(image.read(read)))
    with Image.open(tmp_path / f"b{suffix}") as written:
        assert written.size == (want.shape[1], want.shape[0])
        assert written.getexif().get(0x0112, 1) == 1
        assert written.getexif()[0x010F] == "maker"


def test_cmyk_is_converted_with_a_warning(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    with pytest.warns(UserWarning, match=r"CMYK.*a\.jpg"):
        read = load_one(tmp_path / "a.jpg")
    assert np.abs(read.pixels.astype(int) - (255, 0, 0)).max() < 8


def test_only_the_first_frame_with_a_warning(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"first frame.*a\.gif"):
        read = load_one(tmp_path / "a.gif")
    assert (read.pixels == 10).all()


@pytest.fixture
def folder(tmp_path):
    for name, size in (("b/x.png", (6, 9)), ("a/y.png", (12, 20)), ("a/z.jpg", (8, 8))):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(*size, 3)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def test_folders_globs_and_lists(folder):
    pieces = image.read(folder, label="folder")
    chunk = pieces.load(0)
    assert [picture.name for picture in chunk] == ["a/y.png", "a/z.jpg", "b/x.png"]
    assert image.labels(chunk, {}).tolist() == ["a", "a", "b"]
    assert [picture.name for picture in image.read(str(folder / "**" / "*.png")).load(0)] == ["a/y.png", "b/x.png"]
    assert [picture.name for picture in image.read([folder / "b" / "x.png", folder / "a"]).load(0)] == ["b/x.png", "a/y.png", "a/z.jpg"]
    assert image.labels(image.read(folder).load(0), {}) is None


def test_many_pictures_come_in_pieces(tmp_path):
    for index in range(258):
        Image.new("L", (2, 2), index % 256).save(tmp_path / f"{index:03}.bmp")
    pieces = image.read(tmp_path)
    assert pieces.counts == [256, 2]
    assert [picture.pixels[0, 0, 0] for picture in pieces.load(1)] == [0, 1]
    assert pieces.memory == 258 * 2 * 2 * 4


def test_big_pictures_come_in_smaller_pieces():
    array = np.broadcast_to(np.uint8(0), (5, 5000, 5000))
    assert image.read(array).counts == [2, 2, 1]
    assert image.read(np.broadcast_to(np.uint8(0), (2, 9000, 9000))).counts == [1, 1]


def test_mixed_sizes_are_brought_to_one_and_back(folder):
    chunk, facts, back = round_trip(folder)
    assert facts["shape"] == [3, 8, 8]  # medians: aspect 0.667.. to 1, 64 pixels
    assert image.to_tensor(chunk, facts).x.shape == (3, 3, 8, 8)
    assert [picture.size for picture in back] == [(12, 20), (8, 8), (6, 9)]
    assert [picture.name for picture in back] == [picture.name for picture in chunk]
    native = image.to_tensor(chunk, facts, native=True)
    assert [tuple(batch.x.shape) for batch in native] == [(1, 3, 12, 20), (1, 3, 8, 8), (1, 3, 6, 9)]
    exact = image.from_tensor([batch.x[0] for batch in native], facts, chunk)
    assert all((a.pixels == b.pixels).all() for a, b in zip(exact, chunk, strict=True))


def test_resizing_is_antialiased_and_keeps_the_range():
    checks = np.indices((64, 64)).sum(0)[None] % 2 * np.uint8(255)
    facts = image.learn(image.read(checks.astype(np.uint8)), size=[8, 8])
    x = image.to_tensor(checks.astype(np.uint8), facts).x
    assert x.shape == (1, 1, 8, 8)
    assert (x - 0.5).abs().max() < 0.02
    edge = np.repeat(np.uint8([[0, 255]]), 16, 1)[None].repeat(32, 1)
    x = image.to_tensor(edge, facts).x
    assert x.min() >= 0
    assert x.max() <= 1


@pytest.mark.parametrize(
    ("array", "limits", "step"),
    [
        (noise(5, 6, 7), [0, 255], 1 / 255),
        (noise(5, 6, 7, 3, dtype=np.uint16), [0, 65535], 1 / 65535),
        (RANDOM.integers(0, 17, (9, 8, 8)).astype(np.float64), [0, 16], 1 / 16),
        (RANDOM.random((5, 6, 7, 1)).astype(np.float32), [0, 1], 0),
        ((noise(5, 6, 7) / 255).astype(np.float32), [0, 1], 1 / 255),
        (RANDOM.random((5, 6, 7)) > 0.5, [0, 1], 1),
        (noise(5, 6, 7).astype(np.int64), [0, 255], 1 / 255),
        (np.linspace(-3, 5, 128).reshape(2, 8, 8), [-3, 5], 0),
        (noise(5, 6, 7, 4), [0, 255], 1 / 255),
        (noise(5, 6, 7, 2), [0, 255], 1 / 255),
    ],
)
def test_arrays_come_back_exactly(array, limits, step):
    chunk, facts, back = round_trip(array)
    x = image.to_tensor(chunk, facts).x
    assert facts["range"] == limits
    assert float(facts["resolution"].max()) == pytest.approx(step)
    assert x.dtype == (torch.float64 if array.dtype == np.float64 else torch.float32)
    assert x.min() >= 0
    assert x.max() <= 1
    assert np.allclose(facts["mean"], x.mean((0, 2, 3)), atol=1e-5)
    restored = image.restore(back, array)
    assert restored.dtype == array.dtype
    assert restored.shape == array.shape
    assert np.allclose(restored, array, atol=1e-6)
    if array.shape[-1] not in (2, 4):
        blank = image.restore(image.from_tensor(x, facts), array)
        assert blank.shape == array.shape
        assert np.allclose(blank, array, atol=1e-6)


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3), (12, 10, 4)])
def test_one_picture_as_an_array(shape):
    array = noise(*shape)
    _, _, back = round_trip(array)
    assert (image.restore(back, array) == array).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_pillow_images_come_back_as_such(mode):
    source = Image.fromarray(noise(12, 10, 4)).convert(mode)
    _, _, back = round_trip(source)
    restored = image.restore(back, source)
    assert restored.mode == mode
    assert (np.asarray(restored) == np.asarray(source)).all()
    both = image.restore(back * 2, [source, source])
    assert [one.mode for one in both] == [mode, mode]


def test_npz_npy_and_their_labels(tmp_path):
    X, y = noise(300, 5, 5), np.arange(300)
    np.savez(tmp_path / "a.npz", X=X, y=y, other=X[:2], target=y + 1)
    pieces = image.read(tmp_path / "a.npz")
    assert pieces.counts == [256, 44]
    chunk = pieces.load(1)
    facts = image.learn(pieces)
    assert (len(chunk), facts["label"]) == (44, "y")
    assert (image.labels(chunk, facts) == y[256:]).all()
    assert (image.to_tensor(chunk, facts).x[:, 0] * 255).round().to(torch.uint8).numpy().tolist() == X[256:].tolist()
    assert image.labels(image.read(tmp_path / "a.npz", label="target").load(0), facts)[0] == 1
    assert image.read(f"{tmp_path}/a.npz:other").count == 2
    np.save(tmp_path / "a.npy", X)
    assert (image.read(tmp_path / "a.npy").load(0) == X[:256]).all()
    image.write([chunk], tmp_path / "b.npz", facts)
    with np.load(tmp_path / "b.npz") as written:
        assert (written["X"] == X[256:]).all()
        assert (written["y"] == y[256:]).all()
    with pytest.raises(BadFile, match=r"no array 'othe'.*did you mean 'other'"):
        image.read(f"{tmp_path}/a.npz:othe")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(BadFile, match="Python objects"):
        image.read(tmp_path / "objects.npy")


def test_learned_size():
    def size(*shapes):
        return image.learn(image.read([np.zeros(shape, np.uint8) for shape in shapes]))["size"]

    assert size((56, 46), (56, 46)) == [56, 46]
    assert size((1, 1)) == [1, 1]
    assert size((128, 128)) == [128, 128]
    tall, wide = size((512, 768), (512, 768))
    assert tall % 4 == wide % 4 == 0
    assert tall * wide <= 64 * 64
    assert tall / wide == pytest.approx(2 / 3, rel=0.1)
    assert image.learn(image.read(np.zeros((1, 9, 9), np.uint8)), size=[5, 7])["shape"] == [1, 5, 7]
    with pytest.raises(BadOption, match=r"\[height, width\]"):
        image.read(np.zeros((1, 9, 9), np.uint8), size=[5])


def test_grey_and_colour_meet():
    grey, colour = noise(4, 8, 8), noise(4, 8, 8, 3)
    grey_facts, colour_facts = (image.learn(image.read(array)) for array in (grey, colour))
    x = image.to_tensor(grey, colour_facts).x
    assert (x[:, 0] == x[:, 2]).all()
    assert (image.from_tensor(x, colour_facts, grey).astype(int) - grey).max() <= 1
    with pytest.warns(UserWarning, match="turned to grey"):
        x = image.to_tensor(colour, grey_facts).x
    assert np.allclose(x[:, 0] * 255, colour @ [0.299, 0.587, 0.114], atol=1e-3)
    assert image.from_tensor(x, grey_facts, colour).shape == colour.shape
    mixed = image.learn(image.read([grey[0], colour[0]]))
    assert mixed["channels"] == 3


def test_depths_meet():
    facts = image.learn(image.read(noise(4, 8, 8)))
    deep = noise(2, 8, 8, dtype=np.uint16)
    x = image.to_tensor(deep, facts).x
    assert x.max() <= 1
    assert (image.from_tensor(x, facts, deep) == deep).all()
    floats = np.array([[[-0.2, 1.4], [0.0, 1.0]]], dtype=np.float32)
    x = image.to_tensor(floats, facts, native=True).x
    assert torch.allclose(x[0, 0], torch.from_numpy(floats[0]))
    assert np.allclose(image.from_tensor([x[0]], facts, floats), floats)
    with pytest.raises(SchemaMismatch, match="go up to 255"):
        image.to_tensor(np.full((1, 8, 8), 255.0), facts)


def test_integers_are_clipped_and_rounded():
    facts = image.learn(image.read(noise(4, 2, 2)))
    values = torch.tensor([-0.5, 0.5, 0.999, 1.5]).view(1, 1, 2, 2)
    assert image.from_tensor(values, facts).tolist() == [[[0, 128], [255, 255]]]


def test_write_one_many_and_a_folder(folder, tmp_path):
    pieces = image.read(folder)
    facts, chunk = image.learn(pieces), pieces.load(0)
    image.write([chunk], f"{tmp_path}/out/", facts)
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")) == [
        "a/y.png",
        "a/z.jpg",
        "b/x.png",
    ]
    assert (load_one(tmp_path / "out" / "b" / "x.png").pixels == chunk[2].pixels).all()
    image.write([chunk], tmp_path / "sheet.png", facts)
    assert load_one(tmp_path / "sheet.png").size == (12 + 2 + 12, 20 + 2 + 20)
    image.write([image.from_tensor(torch.rand(3, 3, 8, 8), facts)], f"{tmp_path}/new/", facts)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["00001.png", "00002.png", "00003.png"]
    outside = image.Picture(chunk[0].pixels, "../../outside.png")
    image.write([[outside]], f"{tmp_path}/in2/", facts)
    assert (tmp_path / "in2" / "outside.png").exists()


def test_written_pictures_use_the_whole_range(tmp_path):
    for array in (np.full((1, 8, 8), 16.0), np.full((1, 8, 8), 16, np.uint8), np.full((1, 8, 8), 255, np.int64)):
        facts = image.learn(image.read(array))
        image.write([array], tmp_path / "a.png", facts)
        assert (load_one(tmp_path / "a.png").pixels == 255).all()


def test_alpha_is_kept_where_it_can_be(tmp_path):
    picture = image.Picture(noise(6, 6, 3), "a", noise(6, 6))
    facts = image.learn(image.read(picture))
    back = image.from_tensor(image.to_tensor([picture], facts).x, facts, [picture])
    image.write([back], tmp_path / "a.png", facts)
    assert (load_one(tmp_path / "a.png").alpha == picture.alpha).all()
    with pytest.warns(UserWarning, match="transparency"):
        image.write([back], tmp_path / "a.jpg", facts)


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    facts = image.learn(image.read(noise(1, 8, 8)))
    (tmp_path / "a.png").write_bytes(b"before")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotWrite, match=r"a\.png: no space is left"):
        image.write([noise(1, 8, 8)], tmp_path / "a.png", facts)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"before"
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        image.write([noise(1, 8, 8)], tmp_path / "file" / "a.png", facts)
    with pytest.raises(BadOption, match=r"must end in one of"):
        image.write([noise(1, 8, 8)], tmp_path / "a.doc", facts)


def test_broken_pictures_are_named_and_left_out(folder):
    (folder / "empty.png").write_bytes(b"")
    whole = (folder / "a" / "z.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    png = (folder / "a" / "y.png").read_bytes()
    (folder / "half.png").write_bytes(png[: len(png) // 2])
    (folder / "text.webp").write_text("not a picture")
    (folder / "cut.tif").write_bytes(b"II*\0\x08\0\0\0")
    with pytest.warns(UserWarning, match="left out") as told:
        pieces = image.read(folder)
    assert pieces.count == 3
    text = str(told[0].message)
    assert "5 of 8 pictures" in text
    assert all(name in text for name in ("empty.png: ", "(0 bytes)", "half.jpg", "half.png", "text.webp", "cut.tif"))
    with pytest.raises(BadData, match=r"cut\.tif"):
        image.read(folder, strict=True)
    with pytest.raises(BadData, match=r"empty\.png.*0 bytes"):
        image.read(folder / "empty.png")


def test_a_picture_that_breaks_later_is_named(folder):
    pieces = image.read(folder)
    (folder / "b" / "x.png").write_bytes(b"gone")
    with pytest.raises(BadData, match=r"x\.png"):
        pieces.load(0)


def test_a_folder_without_pictures_says_what_is_there(tmp_path):
    with pytest.raises(BadData, match="the folder is empty"):
        image.read(tmp_path)
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).write_text("1")
    with pytest.raises(BadData, match=r"\.png .*found instead: 2 \.csv, 1 \.txt"):
        image.read(tmp_path)
    with pytest.raises(BadFile, match=r"did you mean 'a\.csv'"):
        image.read(tmp_path / "aa.csv")
    with pytest.raises(BadFile, match="no picture matches"):
        image.read(f"{tmp_path}/*.png")


def test_a_bomb_is_refused_and_can_be_allowed(tmp_path):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b""))
    with pytest.raises(BadData, match=r"3,600,000,000 pixels.*max_pixels=3600000000"):
        image.read(tmp_path / "bomb.png")
    limit = Image.MAX_IMAGE_PIXELS
    Image.fromarray(noise(20, 20)).save(tmp_path / "a.png")
    with pytest.raises(BadData, match="400 pixels"):
        image.read(tmp_path / "a.png", max_pixels=399)
    assert image.read(tmp_path / "a.png", max_pixels=400).count == 1
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("array", "error", "text"),
    [
        (np.zeros((2, 3, 8, 8), np.float32), BadData, r"transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 8, 8, 5)), BadData, "1 to 4 channels"),
        (np.full((3, 8, 8), np.nan), BadData, "not finite.* 3 of its pictures"),
        (np.zeros((0, 8, 8), np.uint8), BadData, "no pictures"),
        (np.array([["a"] * 8] * 8), BadData, "pictures are numbers"),
        ([], BadData, "empty list"),
        ([3], BadType, "has a int"),
    ],
)
def test_arrays_that_are_no_pictures(array, error, text):
    with pytest.raises(error, match=text):
        image.learn(image.read(array))


def test_options_are_checked(folder):
    with pytest.raises(BadOption, match="label='folder'"):
        image.read(folder, label="y")


def test_claims(folder, tmp_path):
    assert image.claims(folder)
    assert image.claims(str(folder / "*.png"))
    assert image.claims([folder / "a" / "y.png"])
    assert image.claims(noise(3, 8, 8))
    assert image.claims(np.zeros((2, 8, 8, 3)))
    assert image.claims(Image.new("L", (2, 2)))
    assert not image.claims(np.zeros((2, 8, 8)))
    assert not image.claims(np.zeros((2, 8)))
    assert not image.claims("table.csv")
    np.savez(tmp_path / "table.npz", X=np.zeros((4, 3)))
    assert not image.claims(tmp_path / "table.npz")


def test_facts_are_small_and_described(folder):
    import json

    facts = image.learn(image.read(folder, label="folder"))
    json.dumps({key: value for key, value in facts.items() if key != "resolution"})
    assert facts["fields"] == [["number", 0, 3]]
    assert facts["resolution"].expand(facts["shape"]).shape == tuple(facts["shape"])
    words = dict(image.describe(facts))
    assert words["pictures"] == "8 x 8 pixels (width x height), colour (RGB)"
    assert "3 sizes" in words["note"]


def test_one_pixel_and_constant_pictures():
    chunk, facts, back = round_trip(np.full((3, 1, 1), 7, np.uint8))
    assert (back == chunk).all()
    assert "nothing to learn" in facts["notes"][0]


def test_a_sheet_of_mixed_pictures():
    page = image.sheet([noise(4, 4), noise(6, 8, 3)], columns=2)
    assert page.shape == (6, 8 + 2 + 8, 3)
    assert (page[:, 8:10] == 255).all()
    clear = image.Picture(np.zeros((4, 4, 1), np.uint8), alpha=np.zeros((4, 4), np.uint8))
    assert (image.sheet([clear]) == 255).all()


def test_no_warning_for_sound_pictures(folder):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        image.learn(image.read(folder))
    assert not told


def test_large_pictures_of_one_size_are_seen_in_tiles_and_noisy_ones_in_larger_tiles():
    pictures = noise(3, 200, 190)
    facts = image.learn(image.read(pictures))
    assert image.as_tiles(facts)["size"] == [64, 64]
    assert image.as_tiles(facts)["cut"]
    assert "noise" not in facts
    measured = image.as_tiles(image.learn(image.read(pictures), noise=True))
    assert measured["size"] == [128, 128]
    assert "grey levels" in dict(image.describe(measured))["noise"]
    assert "cut" not in image.as_tiles(image.learn(image.read(noise(4, 60, 60))))
