"""Videos to files: every container plays again, sizes, times and sound are kept."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from hourglass.errors import BadData, BadOption, CannotWrite
from hourglass.kinds import video
from hourglass.kinds.video import Video

RATE = Fraction(30000, 1001)
CONTAINERS = [suffix for suffix in video.WRITTEN if suffix not in (".npy", ".npz")]


def moving(count: int = 12, height: int = 48, width: int = 64) -> np.ndarray:
    t, y, x = np.ogrid[:count, :height, :width]
    return np.stack(np.broadcast_arrays(x * 2 + t, 200 - y - 3 * t, 90 + x + y), axis=-1).clip(0, 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((a.astype(float) - b) ** 2).mean(), 1e-9)))


def read(path: Path) -> list[Video]:
    pieces = video.read(path)
    return video.restore([part for index in range(len(pieces.counts)) for part in pieces.load(index)], str(path))


def parts(frames: np.ndarray, **known: object) -> Iterator[list[Video]]:
    """A video as two chunks."""
    for start, stop in ((0, 5), (5, len(frames))):
        yield [Video(frames[start:stop], RATE, start=start, total=len(frames), **known)]  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("size", [(48, 64), (33, 47)])
def test_files_play_again(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    frames = moving(12, *size)
    video.write(parts(frames), tmp_path / f"a{suffix}", {})
    (back,) = read(tmp_path / f"a{suffix}")
    assert (back.count, back.size) == (12, size)
    assert psnr(back.frames, frames) > 33
    assert abs(float(back.rate) - float(RATE)) < (4 if suffix == ".gif" else 1e-3)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".mp4", ".y4m", ".gif"])
def test_grey(tmp_path: Path, suffix: str) -> None:
    frames = moving()[..., :1]
    video.write([[Video(frames, RATE, total=12)]], tmp_path / f"a{suffix}", {})
    (back,) = read(tmp_path / f"a{suffix}")
    assert psnr(back.frames[..., :1], frames) > 33
    assert video.learn(video.read(tmp_path / f"a{suffix}"))["channels"] == 1


def test_large_pictures_keep_their_colours(tmp_path: Path) -> None:
    frames = np.zeros((2, 720, 32, 3), np.uint8) + np.array([200, 40, 60], np.uint8)
    video.write([[Video(frames, RATE, total=2)]], tmp_path / "a.mp4", {})
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709
    assert np.abs(read(tmp_path / "a.mp4")[0].frames.astype(int) - frames).max() <= 4


def test_several_in_one_file_and_in_a_folder(tmp_path: Path) -> None:
    two = [Video(moving(6), RATE, "x/one.mp4", 0, total=6), Video(moving(6, 24, 32), RATE, "", 1, total=6)]
    video.write([two], tmp_path / "a.mp4", {})
    assert (read(tmp_path / "a.mp4")[0].count, read(tmp_path / "a.mp4")[0].size) == (12, (48, 64))
    video.write([two], f"{tmp_path}/out/", {})
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.mp4")) == ["00002.mp4", "x/one.mp4"]
    video.write([[Video(moving(2), RATE, "../../up.wmv", total=2)]], f"{tmp_path}/out/", {})
    assert (tmp_path / "out" / "up.wmv.mp4").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays(tmp_path: Path, suffix: str) -> None:
    array = np.stack([moving(), moving()[::-1]])
    video.write([array], tmp_path / f"a{suffix}", {})
    assert np.array_equal(np.stack([part.frames for part in read(tmp_path / f"a{suffix}")]), array)
    with pytest.raises(BadData, match="do not fit in one array"):
        video.write([[Video(moving(3)), Video(moving(4), number=1)]], tmp_path / f"c{suffix}", {})


def test_uneven_times(tmp_path: Path) -> None:
    times = np.array([0, 0.1, 0.15, 0.5, 0.6, 1.0, 1.5, 1.6, 2.0, 2.1, 2.2, 2.4])
    known = [[Video(moving(), Fraction(5), "a", total=12, times=times)]]
    for suffix in (".mkv", ".mp4"):
        video.write(known, tmp_path / f"a{suffix}", {})
        back = read(tmp_path / f"a{suffix}")[0].times
        assert back is not None
        assert np.allclose(back, times, atol=2e-3)
    with pytest.warns(UserWarning, match=r"a: \.avi has no room for the uneven times"):
        video.write(known, tmp_path / "a.avi", {})


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a second of sound in AAC."""
    path = tmp_path_factory.mktemp("video") / "loud.mp4"
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("libx264", rate=12), container.add_stream("aac", rate=8000)
        pictures.height, pictures.width, pictures.pix_fmt = 48, 64, "yuv420p"
        for index, pixels in enumerate(moving()):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            container.mux(pictures.encode(frame))
        for index in range(8):
            wave = np.sin(np.arange(1000) / 3, dtype=np.float32)[None]
            heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            heard.rate, heard.pts = 8000, index * 1000
            container.mux(sound.encode(heard))
        container.mux([*pictures.encode(), *sound.encode()])
    return path


def test_sound_is_taken_over(loud: Path, tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv"):
        video.write([read(loud)], tmp_path / f"a{suffix}", {})
        with av.open(str(tmp_path / f"a{suffix}")) as container, av.open(str(loud)) as before:
            heard = [[bytes(packet) for packet in file.demux(audio=0) if packet.size] for file in (container, before)]
            assert container.streams.audio[0].codec_context.name == "aac"
        assert len(heard[0]) > 4
        assert heard[0] == heard[1]
        assert read(tmp_path / f"a{suffix}")[0].sound is not None


def test_sound_that_does_not_fit_is_told(loud: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"its sound \(aac\) does not go into \.webm"):
        video.write([read(loud)], tmp_path / "a.webm", {})
    assert read(tmp_path / "a.webm")[0].sound is None


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"must end in one of \.mp4"):
        video.write(parts(moving()), tmp_path / "a.mp3", {})
    with pytest.raises(BadData, match="no frames"):
        video.write([], tmp_path / "a.mp4", {})
    with pytest.raises(CannotWrite):
        video.write(parts(moving()), "/proc/none/a.mp4", {})

    def broken() -> Iterator[list[Video]]:
        yield from parts(moving())
        raise ValueError("the network failed")

    with pytest.raises(ValueError, match="the network failed"):
        video.write(broken(), tmp_path / "a.mp4", {})
    assert not list(tmp_path.iterdir())
