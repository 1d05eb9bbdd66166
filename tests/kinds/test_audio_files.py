"""Files of sound: which are read, what is said of those that cannot be, and that each comes back as it was."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile

from hourglass.errors import BadData, BadFile, BadOption, BadType, CannotWrite, DamagedFile
from hourglass.kinds import _sound_source as sources
from hourglass.kinds import audio, infer

RANDOM = np.random.default_rng(0)
WAVE = (0.3 * np.sin(np.arange(16000) / 7))[:, None].astype(np.float32) * np.array([1, 0.5], np.float32)


def write(path, samples=WAVE, rate=16000, subtype=None):
    soundfile.write(path, samples, rate, subtype)
    return path


def load(path):
    pieces = audio.read(path)
    assert pieces.count == 1
    return pieces.load(0)[0]


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_depths_come_back_to_the_bit(tmp_path, subtype):
    write(tmp_path / "a.wav", subtype=subtype)
    before = load(tmp_path / "a.wav")
    facts = audio.learn(audio.read(tmp_path / "a.wav"))
    batch, layout = audio.cut([before], facts)
    audio.write([audio.join(batch.x, facts, layout, [before])], f"{tmp_path}/out/", facts)
    after = load(tmp_path / "out" / "a.wav")
    assert after.subtype == subtype
    np.testing.assert_allclose(after.samples, before.samples, atol=2.0**-22)
    audio.write([[before]], tmp_path / "b.wav", facts)
    assert (load(tmp_path / "b.wav").samples == before.samples).all()


@pytest.mark.parametrize("suffix", audio.WRITTEN)
def test_every_format_is_written_and_read(tmp_path, suffix):
    sound = audio.Sound(WAVE, 16000, "a", metadata={"title": "Bells"})
    audio.write([[sound]], tmp_path / f"a{suffix}", {})
    read = load(tmp_path / f"a{suffix}")
    assert (read.rate, read.channels) == (16000, 2)
    assert abs(len(read.samples) - 16000) <= (2048 if suffix == ".aac" else 0)
    assert np.square(read.samples).mean() == pytest.approx(np.square(WAVE).mean(), rel=0.1)
    if suffix not in (".au", ".w64", ".aac"):
        assert read.metadata["title"] == "Bells"
    assert infer(str(tmp_path / f"a{suffix}")) == "audio"


def test_titles_stay(tmp_path):
    audio.write([[audio.Sound(WAVE, 16000, metadata={"title": "Bells", "artist": "Somebody"})]], tmp_path / "a.flac", {})
    facts = audio.learn(audio.read(tmp_path / "a.flac"))
    chunk = audio.read(tmp_path / "a.flac").load(0)
    batch, layout = audio.cut(chunk, facts)
    audio.write([audio.join(batch.x, facts, layout, chunk)], tmp_path / "b.ogg", facts)
    assert load(tmp_path / "b.ogg").metadata["artist"] == "Somebody"


def test_rates_that_a_format_lacks_become_the_next(tmp_path):
    audio.write([[audio.Sound(WAVE, 11025)]], tmp_path / "a.opus", {})
    made = load(tmp_path / "a.opus")
    assert made.rate == 12000
    assert len(made.samples) == pytest.approx(16000 * 12000 / 11025, abs=2)


def test_several_sounds_in_one_file_and_in_a_folder(tmp_path):
    pieces = [audio.Sound(WAVE[:8000], 16000, "x/a.flac", "FLAC"), audio.Sound(WAVE[8000:], 16000, "x/a.flac", "FLAC", begin=8000)]
    other = audio.Sound(WAVE[:4000, :1], 16000, "../b.mka")
    audio.write([pieces, [other]], tmp_path / "all.wav", {})
    assert soundfile.info(tmp_path / "all.wav").frames == 16000 + 4000 + 4000  # a pause of a quarter of a second
    audio.write([pieces[:1], pieces[1:], [other, audio.Sound(WAVE, 16000)]], str(tmp_path / "out") + "/", {})
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == ["00003.wav", "b.mka.wav", "x/a.flac"]
    assert np.abs(load(tmp_path / "out" / "x" / "a.flac").samples - WAVE).max() < 2.0**-15


def test_clipping_is_told(tmp_path):
    with pytest.warns(UserWarning, match=r"a\.wav: .* beyond full scale and are clipped"):
        audio.write([[audio.Sound(WAVE * 10, 16000)]], tmp_path / "a.wav", {})
    assert load(tmp_path / "a.wav").samples.max() == 1 - 2.0**-15
    audio.write([[audio.Sound(WAVE * 10, 16000, subtype="FLOAT")]], tmp_path / "b.wav", {})
    assert load(tmp_path / "b.wav").samples.max() == pytest.approx(3, rel=1e-3)
    audio.write([[audio.Sound(np.full((100, 1), np.nan, np.float32), 16000)]], tmp_path / "c.wav", {})  # lost to damage: silence
    assert (load(tmp_path / "c.wav").samples == 0).all()


def test_what_cannot_be_written(tmp_path):
    sound = audio.Sound(WAVE, 16000)
    with pytest.raises(BadOption, match=r"must end in one of \.wav \.flac"):
        audio.write([[sound]], tmp_path / "a.xyz", {})
    with pytest.raises(BadOption, match=r"cannot write 3 channels .* \.mp3 holds 2 at most"):
        audio.write([[audio.Sound(np.zeros((10, 3), np.float32), 16000)]], tmp_path / "a.mp3", {})
    with pytest.raises(BadData, match="no sounds to write"):
        audio.write([], tmp_path / "a.wav", {})
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(CannotWrite):
        audio.write([[sound]], tmp_path / "a.wav" / "b.wav", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]  # nothing half done is left


def cut_off(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".au", ".w64"])
def test_cut_off_files(tmp_path, suffix):
    noise = RANDOM.normal(0, 0.1, (48000, 1))
    path = cut_off(write(tmp_path / f"a{suffix}", noise))
    with pytest.raises(DamagedFile, match=r"cut off"):
        audio.read(path)


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "text.wav").write_text("these are words\n" * 100)
    (tmp_path / "empty.wav").write_bytes(b"")
    write(tmp_path / "none.wav", np.zeros((0, 1)))
    spoilt = WAVE.copy()
    spoilt[5000] = np.nan
    write(tmp_path / "nan.wav", spoilt, subtype="FLOAT")
    messages = {
        "text.wav": (BadFile, "is not a sound that can be read"),
        "empty.wav": (BadFile, "0 bytes"),
        "none.wav": (BadData, "no sound in it"),
        "nan.wav": (BadData, r"1 samples are not finite .* sample 5,000 \(0\.31 s\)"),
        "gone.wav": (BadFile, "there is no file or folder"),
    }
    for name, (error, message) in messages.items():
        with pytest.raises(error, match=f"{name}.*{message}" if name != "gone.wav" else message):
            audio.read(tmp_path / name)
    with pytest.raises(BadData, match="none of the 4 sounds can be used"):
        audio.read(tmp_path)


def test_bad_files_of_a_folder_are_left_out_and_named(tmp_path):
    (tmp_path / "deep").mkdir()
    for number in range(3):
        write(tmp_path / "deep" / f"{number}.wav")
        (tmp_path / "deep" / f"{number}.txt").write_text("licence")
    (tmp_path / "bad.wav").write_text("words")
    with pytest.warns(UserWarning, match=r"1 of 4 sounds cannot be used and are left out: .*bad\.wav is not a sound"):
        pieces = audio.read(tmp_path)
    assert [sound.name for sound in pieces.load(0)] == ["deep/0.wav", "deep/1.wav", "deep/2.wav"]
    with pytest.raises(BadFile, match=r"bad\.wav"):
        audio.read(tmp_path, strict=True)
    assert audio.read(f"{tmp_path}/deep/[01].wav").count == 2
    assert [s.name for s in audio.read([tmp_path / "deep" / "2.wav", tmp_path / "deep"]).load(0)] == ["2.wav", "0.wav", "1.wav", "2.wav"]


def test_damage_in_the_middle_is_found_when_it_is_loaded(tmp_path):
    path = write(tmp_path / "a.flac", RANDOM.normal(0, 0.1, (48000, 1)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.flac is damaged"):
        audio.read(path).load(0)


def test_no_sounds(tmp_path):
    with pytest.raises(BadData, match="nothing: it is empty"):
        audio.read(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(BadData, match=r"found instead: 1 \.txt"):
        audio.read(tmp_path)
    with pytest.raises(BadFile, match="no sound matches"):
        audio.read(f"{tmp_path}/*.wav")
    with pytest.raises(BadData, match="empty list"):
        audio.read([])
    with pytest.raises(BadType, match="all of one sort"):
        audio.read(["a.wav", 3])
    write(tmp_path / "song.wav")
    with pytest.raises(BadFile, match=r"did you mean 'song\.wav'"):
        audio.read(tmp_path / "sogn.wav")


def test_claims(tmp_path):
    assert audio.claims("a.WAV") == 2
    assert audio.claims(["a.wav", "b.mp3"]) == 2
    assert audio.claims(["a.wav", "b.csv"]) == 0
    assert audio.claims("*.flac") == 2
    assert audio.claims(audio.Sound(WAVE, 8000)) == 2
    assert [audio.claims(other) for other in ("a.csv", "x" * 5000, np.zeros((3, 4)), None, [], 3)] == [0] * 6
    for name in ("a.wav", "a.txt", "b.wav", "readme.md", ".hidden.csv"):
        (tmp_path / name).write_text("")
    assert audio.claims(tmp_path) == 2
    (tmp_path / "cover.jpg").write_text("")
    assert audio.claims(tmp_path) == 1
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_text("")
    assert audio.claims(tmp_path) == 0


@pytest.mark.parametrize("suffix", [".m4a", ".mp3", ".ogg"])
def test_coded_files_are_read_in_pieces(tmp_path, monkeypatch, suffix):
    long = np.tile(WAVE[:, :1], (12, 1))
    audio.write([[audio.Sound(long, 16000)]], tmp_path / f"a{suffix}", {})
    whole = load(tmp_path / f"a{suffix}")
    monkeypatch.setattr(sources, "PIECE", 2**16)
    pieces = audio.read(tmp_path / f"a{suffix}")
    assert pieces.counts == [1, 0, 0]
    own = np.concatenate([pieces.load(i)[0].own for i in (2, 0, 1)])
    order = np.concatenate([own[4 * 16000 :], own[: 4 * 16000]])
    assert order.shape == whole.samples.shape
    assert np.abs(order - whole.samples).max() < (0.05 if suffix == ".m4a" else 1e-6)  # AAC draws its noise anew


def test_many_short_files_share_pieces(tmp_path):
    for number in range(260):
        soundfile.write(tmp_path / f"{number:03d}.wav", WAVE[:100], 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pieces = audio.read(tmp_path)
    assert pieces.counts == [256, 4]
    assert pieces.memory == 260 * 100 * 2 * 4
    assert [sound.recording for sound in pieces.load(1)][:2] == [256, 257]
