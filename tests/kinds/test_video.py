"""Videos to clips and back: reading as a stream, cutting and joining, rows, bad input."""

from __future__ import annotations

import re
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from hourglass.errors import BadData, BadFile, BadOption, BadType
from hourglass.kinds import _video_decoder, video
from hourglass.kinds._video_clips import begins
from hourglass.kinds.video import Video

RATE = Fraction(10)


def moving(count: int = 20, height: int = 48, width: int = 64) -> np.ndarray:
    """Smooth colours that move: (T, H, W, 3)."""
    t, y, x = np.ogrid[:count, :height, :width]
    waves = np.broadcast_arrays(np.sin((x + 2 * t) / 9), np.cos((y - t) / 7), np.sin((x + y) / 11 + t / 4))
    return np.stack([128 + 90 * wave for wave in waves], axis=-1).astype(np.uint8)


def film(path: Path, frames: np.ndarray, codec: str = "libx264", *, pix_fmt: str = "yuv420p", times: Any = None, **options: str) -> Path:
    """A video file of these frames, made without the code under test."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index if times is None else times[index], 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((a.astype(float) - b) ** 2).mean(), 1e-9)))


def loaded(pieces: Any) -> list[Video]:
    return [part for index in range(len(pieces.counts)) for part in pieces.load(index)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("video") / "waves.mp4", moving(), g="6")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 small frames, a keyframe every 50."""
    return film(tmp_path_factory.mktemp("video") / "long.mkv", moving(600, 32, 32), g="50", preset="ultrafast", bf="2")


# Reading


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx-vp9"), ("y4m", "rawvideo")])
def test_files_are_read(tmp_path: Path, suffix: str, codec: str) -> None:
    made = film(tmp_path / f"a.{suffix}", moving(), codec)
    pieces = video.read(made)
    (found,) = loaded(pieces)
    assert pieces.counts == [1]
    assert (found.rate, found.name, found.count, found.size, found.times) == (RATE, f"a.{suffix}", 20, (48, 64), None)
    assert psnr(found.frames, moving()) > 33


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_whose_stamps_mislead(tmp_path: Path, codec: str) -> None:
    (found,) = loaded(video.read(film(tmp_path / "a.avi", moving(), codec, b="5000000", qmin="1")))
    assert psnr(found.frames, moving()) > 33


def test_gif_is_read_when_asked_for(tmp_path: Path) -> None:
    made = film(tmp_path / "a.gif", moving(), "gif", pix_fmt="rgb8")
    assert not video.claims(made)
    assert loaded(video.read(made))[0].count == 20


def test_reading_says_what_is_read(path: Path) -> None:
    facts = video.learn(video.read(path))
    assert facts["reading"] == "1 video, 20 frames, 64 x 48 at 10 fps; clips of 8 frames at 64 x 48"
    assert (facts["shape"], facts["cut"], facts["notes"]) == ([3, 8, 48, 64], True, [])
    assert float(facts["resolution"]) == pytest.approx(1 / 255)
    told = dict(video.describe(facts))
    assert told["videos"] == "clips of 8 frames of 64 x 48 pixels (width x height), colour (RGB)"
    assert told["frame rate"] == "10 a second"


def test_options(path: Path) -> None:
    facts = video.learn(video.read(path, frames=4), frames=4, size=32)
    assert facts["shape"] == [3, 4, 24, 32]
    assert "clips of 4 frames at 32 x 24" in facts["reading"]


@pytest.mark.parametrize("options", [{"frames": 0}, {"frames": 2.5}, {"rate": 0}, {"rate": "fast"}, {"strict": True, "frames": True}])
def test_options_that_cannot_be_meant(path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match="such as"):
        video.read(path, **options)


def test_size_that_cannot_be_meant(path: Path) -> None:
    with pytest.raises(BadOption, match="from 4 to 1024"):
        video.learn(video.read(path), size=2)


def test_a_slower_rate_takes_fewer_frames(path: Path) -> None:
    (found,) = loaded(video.read(path, rate=5))
    assert (found.count, found.rate) == (10, 5)
    assert psnr(found.frames, moving()[::2]) > 33
    assert loaded(video.read(path, rate=30))[0].count == 20  # none are made up


def test_folder_glob_and_list(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    film(tmp_path / "a.mp4", moving(12))
    film(tmp_path / "cats" / "b.mkv", moving(10, 32, 48), "ffv1")
    for source in (tmp_path, str(tmp_path / "**" / "*.m*"), [tmp_path / "a.mp4", str(tmp_path / "cats" / "b.mkv")]):
        pieces = video.read(source)
        assert pieces.counts == [2]
        assert [(part.name, part.number, part.count) for part in loaded(pieces)] == [("a.mp4", 0, 12), ("cats/b.mkv", 1, 10)]
    facts = video.learn(video.read(tmp_path))
    assert facts["reading"].startswith("2 videos, 22 frames, 2 sizes at 10 fps")
    assert video.claims(tmp_path) == 1


def test_labels_are_names_of_folders(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    made = film(tmp_path / "cats" / "a.mp4", moving(4))
    pieces = video.read(made, label="folder")
    facts = video.learn(pieces)
    assert facts["label"] == "folder"
    assert video.labels(pieces.load(0), facts).tolist() == ["cats"]
    assert video.labels(loaded(video.read(made)), facts) is None
    with pytest.raises(BadOption, match="folder"):
        video.read(made, label="species")


def test_grey_is_found_in_colour_files(tmp_path: Path) -> None:
    grey = moving()[..., :1].repeat(3, axis=-1)
    facts = video.learn(video.read(film(tmp_path / "a.mp4", grey)))
    assert facts["shape"] == [1, 8, 48, 64]
    with pytest.warns(UserWarning, match="turned to grey"):
        batch, _ = video.cut([video.Video(moving(), total=20)], facts)
    assert batch.x.shape == (3, 1, 8, 48, 64)


def test_more_than_eight_bits_and_transparency_are_noted(tmp_path: Path) -> None:
    deep = video.learn(video.read(film(tmp_path / "deep.mkv", moving(4), "ffv1", pix_fmt="yuv420p10le")))
    clear = video.learn(video.read(film(tmp_path / "clear.mkv", moving(4), "ffv1", pix_fmt="yuva420p")))
    assert deep["notes"] == ["deep.mkv: its 10 bits a colour are read as 8"]
    assert clear["notes"] == ["clear.mkv: its transparency is left out"]


def test_rotation_is_applied(tmp_path: Path) -> None:
    made = film(tmp_path / "a.mp4", moving(4))
    data = bytearray(made.read_bytes())
    matrix = data.index(b"tkhd") + 44
    turn = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
    data[matrix : matrix + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in turn)
    made.write_bytes(data)
    (found,) = loaded(video.read(made))
    assert found.size == (64, 48)
    assert psnr(found.frames, np.rot90(moving(4), -1, axes=(1, 2))) > 33


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 1, 2, 5, 6, 9, 10, 20]
    (found,) = loaded(video.read(film(tmp_path / "a.mkv", moving(8), "ffv1", times=times)))
    assert found.times is not None
    assert np.allclose(found.times, np.array(times) / 10, atol=2e-3)


def test_arrays(tmp_path: Path) -> None:
    array = np.stack([moving(), moving()[::-1]])
    np.savez(tmp_path / "a.npz", X=array, y=np.array([3, 4]))
    for source in (array, tmp_path / "a.npz", list(array)):
        assert int(video.claims(source)) in (0, 2)
        pieces = video.read(source)
        assert (pieces.counts, pieces.count) == ([2], 2)
        assert np.array_equal(np.stack([part.frames for part in loaded(pieces)]), array)
    assert video.labels(video.read(tmp_path / "a.npz").load(0), {"label": "y"}).tolist() == [3, 4]
    assert video.claims(array) == 2
    assert video.claims(array[0]) == 0  # four axes are pictures
    assert video.learn(video.read(array))["reading"] == "2 videos, 40 frames, 64 x 48; clips of 8 frames at 64 x 48"


def test_one_array_and_grey_ones() -> None:
    assert [part.frames.shape for part in loaded(video.read(moving()))] == [(20, 48, 64, 3)]
    assert [part.frames.shape for part in loaded(video.read(moving()[..., 0]))] == [(20, 48, 64, 1)]
    assert [part.frames.shape for part in loaded(video.read(np.zeros((2, 5, 9, 9), bool)))] == [(5, 9, 9, 1)] * 2
    assert loaded(video.read(np.full((1, 3, 4, 4, 3), 0.5)))[0].frames.max() == 128


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3)),
        np.zeros((2, 3, 8, 8, 8), np.uint8),
        np.full((1, 2, 4, 4, 3), 7.0),
        np.zeros((1, 2, 4, 4, 3), int),
        np.zeros((0, 2, 4, 4, 3)),
    ],
)
def test_arrays_that_are_no_videos(array: np.ndarray) -> None:
    with pytest.raises(BadData, match=r"array|video"):
        video.read(array)


def test_channels_that_stand_second() -> None:
    with pytest.raises(BadData, match=re.escape("X.transpose(0, 2, 3, 4, 1)")):
        video.read(np.zeros((2, 3, 8, 16, 16), np.uint8))


# As a stream


def test_a_long_video_comes_in_pieces(long: Path) -> None:
    pieces = video.read(long)
    assert pieces.counts == [1, *[0] * 9]
    assert [pieces.load(i)[0].start for i in range(10)] == list(range(0, 600, 64))
    assert sum(part.count for part in loaded(pieces)) == 600
    assert {part.total for part in loaded(pieces)} == {600}


def test_large_frames_come_in_smaller_pieces(tmp_path: Path) -> None:
    pieces = video.read(np.zeros((1, 37, 1024, 1024, 3), np.uint8))
    assert [part.count for part in loaded(pieces)] == [16, 21]  # whole clips, and the rest with the last


def test_reading_on_neither_opens_nor_seeks(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, calls = video.read(long), []
    for name in ("_open", "_seek"):
        before = getattr(_video_decoder.Decoder, name)
        monkeypatch.setattr(_video_decoder.Decoder, name, lambda self, *a, name=name, before=before: (calls.append(name), before(self, *a)))
    loaded(pieces)
    assert calls == ["_open"]
    pieces.load(4)
    assert calls == ["_open", "_seek"]


def test_any_order_gives_the_same_frames(long: Path) -> None:
    pieces = video.read(long)
    wanted = [part.frames for part in loaded(pieces)]
    assert psnr(np.concatenate(wanted), moving(600, 32, 32)) > 30
    for index in (8, 2, 3, 0, 7):
        assert np.array_equal(pieces.load(index)[0].frames, wanted[index])


def test_only_what_is_needed_is_decoded(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, seen = video.read(long), []
    before = _video_decoder.Decoder._number
    monkeypatch.setattr(_video_decoder.Decoder, "_number", lambda self, frame: (seen.append(1), before(self, frame))[1])
    pieces.load(7)  # frames 448 to 511; the keyframe before is 400
    assert len(seen) <= 64 + 50 + 4


def test_few_pieces_live_at_once(long: Path, tmp_path: Path) -> None:
    pieces = video.read(long)
    facts, alive, most = video.learn(pieces), [], 0

    def rebuilt() -> Any:
        nonlocal most
        for index in range(len(pieces.counts)):
            chunk = pieces.load(index)
            alive.append(weakref.ref(chunk[0].frames))
            most = max(most, sum(frames() is not None for frames in alive))
            batch, layout = video.cut(chunk, facts)
            yield video.join(batch.x, facts, layout, chunk)

    video.write(rebuilt(), tmp_path / "out.mkv", facts)
    assert most <= 2
    assert sum(part.count for part in loaded(video.read(tmp_path / "out.mkv"))) == 600


# Clips


def test_clips_cover_and_join(path: Path) -> None:
    pieces = video.read(path)
    facts, chunk = video.learn(pieces), pieces.load(0)
    batch, layout = video.cut(chunk, facts)
    assert (batch.x.shape, batch.x.dtype, batch.mask) == ((3, 3, 8, 48, 64), torch.float32, None)
    assert layout == [[0, 0, 20, 20, 48, 64, 10, 1]]
    (back,) = video.join(batch.x, facts, layout, chunk)
    assert np.array_equal(back.frames, chunk[0].frames)
    assert (back.name, back.rate, back.number, back.total) == ("waves.mp4", RATE, 0, 20)
    assert np.array_equal(video.from_tensor(batch.x, facts, chunk)[0].frames, chunk[0].frames)
    assert np.array_equal(video.join(batch.x, facts, layout)[0].frames, chunk[0].frames)
    assert torch.equal(video.to_tensor(chunk, facts).x, batch.x)


def test_clips_of_another_size_come_back_at_the_videos_own(path: Path) -> None:
    pieces = video.read(path)
    facts, chunk = video.learn(pieces, size=32), pieces.load(0)
    batch, layout = video.cut(chunk, facts)
    (back,) = video.join(batch.x, facts, layout, chunk)
    assert batch.x.shape == (3, 3, 8, 24, 32)
    assert psnr(back.frames, chunk[0].frames) > 33
    assert torch.allclose(batch.x * 255, (batch.x * 255).round(), atol=1e-3)  # steps stay 1/255


def test_a_short_video_is_filled_up_and_masked() -> None:
    chunk = video.read(moving(3)).load(0)
    facts = video.learn(video.read(moving(3)))
    batch, layout = video.cut(chunk, facts)
    assert batch.mask is not None
    assert batch.mask.shape == batch.x.shape == (1, 3, 8, 48, 64)
    assert batch.mask[:, :, :3].all()
    assert not batch.mask[:, :, 3:].any()
    assert not batch.x[:, :, 3:].any()
    assert np.array_equal(video.join(batch.x, facts, layout)[0].frames, moving(3))


def test_overlaps_fade(path: Path) -> None:
    pieces = video.read(path)
    facts, chunk = video.learn(pieces), pieces.load(0)
    values = torch.zeros(3, 3, 8, 48, 64)
    values[2] = 1.0  # clips begin at 0, 8 and 12
    levels = video.join(values, facts, video.cut(chunk, facts)[1], chunk)[0].frames.mean((1, 2, 3))
    assert (levels[:12] == 0).all()
    assert (levels[16:] == 255).all()
    assert (np.diff(levels[11:17]) > 0).all()


def test_clips_begin() -> None:
    assert begins(20, 8) == [0, 8, 12]
    assert begins(16, 8, 4) == [0, 4, 8]
    assert begins(8, 8) == begins(1, 8) == [0]
    assert begins(0, 8) == []


def test_training_clips_say_where_they_are_from(tmp_path: Path) -> None:
    pieces = video.read([moving(80, 16, 16), moving(4, 16, 16)])
    facts = video.learn(pieces)
    cuts = [video.training(pieces.load(i), facts, np.random.default_rng(0)) for i in range(len(pieces.counts))]
    source, begin, end = (torch.cat([cut[field] for cut in cuts]) for field in (1, 2, 3))
    assert source.tolist() == [0] * 18 + [1]
    assert begin[0] == 0
    assert end[17] == 1
    assert begin[1] == pytest.approx(4 / 80)
    assert end[0] == pytest.approx(8 / 80)
    assert (begin[18], end[18]) == (0, 1)
    assert all(cut.samples.count == len(cut.source) for cut in cuts)
    assert cuts[-1].samples.mask is not None


def test_values_of_clips_are_spread_over_videos() -> None:
    pieces = video.read([moving(20, 16, 16), moving(8, 16, 16)])
    facts = video.learn(pieces)
    _, layout = video.cut(pieces.load(0), facts)
    found = video.spread(torch.tensor([1.0, 2.0, 6.0, 5.0]), facts, layout)
    assert found.tolist() == [3.0, 5.0]
    assert found.dtype == np.float32
    with pytest.raises(BadData, match="3 clips for videos that have 4"):
        video.spread(torch.ones(3), facts, layout)


def test_where_and_when_a_video_is_unusual(path: Path) -> None:
    pieces = video.read(path)
    facts, chunk = video.learn(pieces), pieces.load(0)
    batch, layout = video.cut(chunk, facts)
    residuals = torch.zeros_like(batch.x)
    residuals[2, :, 5, 12:15, 45:48] = 1.0  # the third clip begins at frame 12
    assert video.places(chunk, facts) == {"file": ["waves.mp4"], "begin": [0.0]}
    assert video.places([Video(moving(4), RATE, start=64)], {"source": "array"}) == {"begin": [6.4]}
    (told,) = video.because(residuals, chunk, chunk, facts, layout, [0])
    assert told == "unlike expected most at 1.7 s (frame 17), 73 % from the left, 28 % from the top"


def test_generated_clips() -> None:
    facts = video.learn(video.read(moving()))
    made = video.from_tensor(torch.rand(2, 3, 8, 48, 64), facts)
    assert (made.shape, made.dtype) == ((2, 8, 48, 64, 3), np.uint8)
    made = video.from_tensor(torch.rand(2, 3, 8, 48, 64), facts | {"source": "files", "rate": [10, 1]})
    assert [(part.number, part.count, part.rate, part.size) for part in made] == [(0, 8, 10, (48, 64)), (1, 8, 10, (48, 64))]


@pytest.mark.parametrize(
    "wrong",
    [[[0, 0, 20, 20, 48, 64, 10]], [[0, 0, 20, 20, 48, 64, 10, 0]], [[0, 0, 20, 20, 99_999, 64, 10, 1]], [[0, 0, 2.5, 20, 48, 64, 10, 1]]],
)
def test_layouts_that_cannot_be_meant(wrong: Any) -> None:
    facts = video.learn(video.read(moving()))
    with pytest.raises(BadData):
        video.join(torch.zeros(3, 3, 8, 48, 64), facts, wrong)


# The way back


def test_arrays_come_back_as_they_were() -> None:
    for array in (np.stack([moving()] * 2), moving()[None, ..., 0], moving() / 255.0, moving().astype(np.float32)[None] / 255):
        pieces = video.read(array)
        facts, chunk = video.learn(pieces), loaded(pieces)
        batch, layout = video.cut(chunk, facts)
        back = video.restore(video.join(batch.x, facts, layout, chunk), array)
        assert (back.shape, back.dtype) == (array.shape, array.dtype)
        assert np.allclose(back, array, atol=1e-6)
    listed = [moving(5), moving(9)]
    assert [part.shape for part in video.restore(loaded(video.read(listed)), listed)] == [part.shape for part in listed]


def test_pieces_of_a_file_come_back_as_one_video(long: Path) -> None:
    (whole,) = video.restore(loaded(video.read(long)), str(long))
    assert (whole.count, whole.name) == (600, "long.mkv")
    again = video.restore(loaded(video.read(whole)), whole)
    assert np.array_equal(again.frames, whole.frames)


def test_chunks_that_are_none() -> None:
    with pytest.raises(BadType, match="list of Video"):
        video.cut("waves.mp4", {})


# Bad input


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    for name, why in (("empty.mp4", r"empty \(0 bytes\)"), ("text.mp4", "format is not known"), ("none.mp4", "no file or folder")):
        with pytest.raises((BadData, BadFile), match=f"{name}.*{why}|{why}.*{name}"):
            video.read(tmp_path / name)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadData, match="no videos in the folder"):
        video.read(tmp_path / "nothing")
    with pytest.raises(BadFile, match="no video matches"):
        video.read(str(tmp_path / "*.mkv"))
    with pytest.raises(BadType):
        video.read([3])


def test_sound_alone(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])
    with pytest.raises(BadData, match="no video in it; it holds sound"):
        video.read(tmp_path / "a.mp4")


def test_one_frame(tmp_path: Path) -> None:
    pieces = video.read(film(tmp_path / "a.mp4", moving(1)))
    assert loaded(pieces)[0].count == 1
    assert video.cut(pieces.load(0), video.learn(pieces))[0].x.shape == (1, 3, 8, 48, 64)


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "ffv1"), ("avi", "mpeg4")])
def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path: Path, suffix: str, codec: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3)).astype(np.uint8)
    made = film(tmp_path / f"a.{suffix}", noise, codec)
    made.write_bytes(made.read_bytes()[: int(made.stat().st_size * 0.6)])
    with pytest.warns(UserWarning, match=rf"a.{suffix}: \d+ of 40 frames are there"):
        pieces = video.read(made)
    assert 15 < sum(part.count for part in loaded(pieces)) < 30
    with pytest.raises(BadData, match=r"its end is missing: \d+ of 40"):
        video.read(made, strict=True)


def _damaged(tmp_path: Path, begin: float, end: float) -> Path:
    """A video whose bytes between two shares of it are noise."""
    draw = np.random.default_rng(0)
    made = film(tmp_path / "a.mp4", draw.integers(0, 255, (40, 48, 64, 3)).astype(np.uint8), g="10", movflags="faststart")
    data = bytearray(made.read_bytes())
    index = data.index(b"moov")
    body = data.index(b"mdat")
    last = index if index > body else len(data)
    first, stop = (int(body + share * (last - body)) for share in (begin, end))
    data[first:stop] = draw.integers(0, 255, stop - first).astype(np.uint8).tobytes()
    made.write_bytes(data)
    return made


def test_a_broken_tail_is_left_out(tmp_path: Path) -> None:
    made = _damaged(tmp_path, 0.6, 1.0)
    with pytest.warns(UserWarning, match=r"a.mp4: frames from number \d\d on cannot be decoded"):
        pieces = video.read(made)
    assert 15 < sum(part.count for part in loaded(pieces)) < 30
    with pytest.raises(BadData, match="cannot be decoded"):
        video.read(made, strict=True)


def test_broken_frames_in_the_middle_are_left_out(tmp_path: Path) -> None:
    made = _damaged(tmp_path, 0.3, 0.6)
    pieces = video.read(made)
    with pytest.warns(UserWarning, match=r"a.mp4: frame \d+ cannot be decoded.*left out") as told:
        (found,) = pieces.load(0)
    assert len(told) == 1
    assert pieces.load(0)[0].count == found.count  # told once
    assert 15 < found.count < 38
    assert found.total == 40
    assert video.cut([found], video.learn(pieces))[0].x.shape[0] == len(begins(found.count, 8))
    with pytest.raises(BadData, match="frame"):
        video.read(made, strict=True).load(0)


def test_frames_of_another_size_are_left_out(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        other = av.CodecContext.create("mjpeg", "w")
        other.height, other.width, other.pix_fmt, other.time_base = 24, 32, "yuvj420p", 1 / RATE
        for index, pixels in enumerate(moving()):
            small = index in (12, 13)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:: 1 + small, :: 1 + small]), format="rgb24")
            frame.pts, frame.time_base = index, 1 / RATE
            for packet in (other if small else stream).encode(frame.reformat(format="yuvj420p")):
                packet.stream = stream
                container.mux(packet)
        container.mux(stream.encode())
    pieces = video.read(tmp_path / "a.mkv")
    with pytest.warns(UserWarning, match=r"frame 12 cannot be decoded \(it has 32 x 24 pixels, the first ones 64 x 48\)"):
        assert pieces.load(0)[0].count == 18


def test_broken_files_of_a_folder_are_named(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", moving(4))
    (tmp_path / "b.mp4").write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=r"1 of 2 videos cannot be read.*b\.mp4"):
        pieces = video.read(tmp_path)
    assert pieces.counts == [1]
    with pytest.raises(BadData, match=r"b\.mp4"):
        video.read(tmp_path, strict=True)
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(BadData, match="none of the 2"):
        video.read(tmp_path)


def test_strangers_are_not_claimed(tmp_path: Path) -> None:
    assert not any(video.claims(source) for source in ("a.csv", "a.png", "a.wav", np.zeros((3, 3)), [], None, 3, tmp_path))
    assert all(video.claims(source) for source in ("a.mp4", "B.MKV", Path("c.webm"), ["a.y4m"], Video(moving(2))))


@pytest.mark.parametrize(("name", "word"), [("names.txt", "text"), ("photo.png", "a picture")])
def test_texts_and_pictures_are_no_videos(name: str, word: str, tmp_path: Path) -> None:
    if name.endswith("txt"):
        (tmp_path / name).write_text("anna\nbob\n" * 300)
    else:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(BadData, match=f"{name}: this is {word}, not a video; read it with kind="):
        video.read(str(tmp_path / name))
