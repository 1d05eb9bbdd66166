"""The kind audio: windows and back, what is learned, what is trained on, and long recordings in pieces."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile
import torch

from hourglass.errors import BadData, BadOption, BadType
from hourglass.kinds import _sound_source as sources
from hourglass.kinds import audio
from hourglass.kinds._sound_facts import duration

RANDOM = np.random.default_rng(0)
LSB = 2.0**-15


def tone(seconds=1.0, rate=8000, channels=1, pitch=440.0):
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * pitch * time)[:, None] * np.linspace(1, 0.5, channels)
    return (wave + 0.02 * RANDOM.normal(size=wave.shape)).astype(np.float32)


def words(count=20, rate=8000, channels=1):
    return [audio.Sound(tone(RANDOM.uniform(0.2, 0.8), rate, channels), rate, f"{i}.wav") for i in range(count)]


def learned(sounds, **options):
    pieces = audio.read(sounds)
    return pieces, audio.learn(pieces, **options)


def round_trip(chunk, facts):
    batch, layout = audio.cut(chunk, facts)
    return audio.join(batch.x, facts, layout, chunk)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("heard", ["mono", "stereo"])
def test_what_is_not_changed_comes_back(channels, heard):
    sounds = [audio.Sound(tone(seconds, 8000, channels), 8000) for seconds in (0.01, 0.3, 1.0, 2.5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pieces, facts = learned(sounds, channels=heard)
    assert facts["shape"] == [{"mono": 1, "stereo": 2}[heard], facts["window"]]
    for before, after in zip(pieces.load(0), round_trip(pieces.load(0), facts), strict=True):
        assert after.samples.shape == before.samples.shape
        np.testing.assert_allclose(after.samples, before.samples, atol=LSB / 100)


@pytest.mark.parametrize("length", [16, 17, 111, 112, 113, 127, 128, 129, 239, 240, 241, 1000, 1001])
def test_every_length_is_covered(length):
    _, facts = learned([audio.Sound(tone(1.0), 8000)], window=128)
    sound = audio.Sound(RANDOM.normal(0, 0.1, (length, 1)).astype(np.float32), 8000)
    batch, _ = audio.cut([sound], facts)
    assert batch.x.shape[1:] == (1, 128)
    assert (batch.mask is None) == (length >= 128)  # longer sounds are never filled up: the last window ends with them
    np.testing.assert_allclose(round_trip([sound], facts)[0].samples, sound.samples, atol=1e-7)


def test_windows_fade_into_one_another():
    _, facts = learned([audio.Sound(tone(1.0), 8000)], window=128)
    sound = audio.Sound(np.zeros((128 + 112, 1), np.float32), 8000)
    batch, layout = audio.cut([sound], facts)
    flat = audio.join(torch.arange(batch.count).view(-1, 1, 1).expand_as(batch.x).float(), facts, layout)[0].samples[:, 0]
    flat = flat / facts["scale"]
    assert (flat[:112] == 0).all()
    assert (np.diff(flat[112:128]) > 0).all()
    assert (flat[128:] == 1).all()


def test_short_sounds_are_masked_and_zero():
    pieces, facts = learned(words())
    batch = audio.to_tensor(pieces.load(0), facts)
    assert facts["whole"]
    assert batch.count == 20
    assert batch.mask is not None
    assert batch.mask.shape == batch.x.shape
    assert (batch.x[~batch.mask] == 0).all()
    assert batch.mask.flatten(1).sum(1).tolist() == [len(sound.samples) for sound in pieces.load(0)]
    assert batch.x[batch.mask].square().mean().item() == pytest.approx(1, rel=1e-4)  # unit loudness


def test_window_and_rate_follow_the_sounds():
    assert learned(words())[1]["window"] % 256 == 0
    assert learned(words(15))[1]["window"] == 1024  # too few to take each as one sample
    assert learned([audio.Sound(tone(3, 16000), 16000)])[1]["window"] == 2048
    assert learned([audio.Sound(tone(3, 48000, 2), 48000)])[1]["shape"] == [2, 4096]
    assert learned([audio.Sound(tone(0.01), 8000)])[1]["window"] == 80
    assert learned([audio.Sound(tone(3), 8000)], window=0.5)[1]["window"] == 4000
    assert learned([audio.Sound(tone(3), 8000)], window=512)[1]["window"] == 512
    assert learned([audio.Sound(tone(3), 8000)], window=512)[1]["overlap"] == 64


def test_mixed_rates_are_told_and_each_sound_comes_back_at_its_own():
    sounds = [audio.Sound(tone(1.0, rate, pitch=300), rate, f"{rate}.wav") for rate in (8000, 8000, 11025, 48000)]
    pieces, facts = learned(sounds)
    assert facts["rate"] == 8000
    assert facts["notes"] == ["2 of 4 sounds (1 of 11,025 Hz, 1 of 48,000 Hz) are resampled to 8,000 Hz"]
    for before, after in zip(pieces.load(0), round_trip(pieces.load(0), facts), strict=True):
        assert after.rate == before.rate
        assert after.samples.shape == before.samples.shape
        assert np.square(after.samples - before.samples).mean() < 0.1 * np.square(before.samples).mean()


def test_a_rate_never_met_is_told():
    _, facts = learned([audio.Sound(tone(1.0), 8000)])
    with pytest.warns(UserWarning, match=r"high\.wav has 44,100 Hz; the model hears 8,000 Hz: what lies above 4,000 Hz is lost"):
        audio.cut([audio.Sound(tone(1.0, 44100), 44100, "high.wav")], facts)


def test_silent_and_tiny_sounds():
    silent = [audio.Sound(np.zeros((500, 1), np.float32), 8000, "silent.wav"), audio.Sound(tone(1.0), 8000, "loud.wav")]
    pieces, facts = learned(silent)
    assert facts["notes"] == ["1 of 2 sounds is silent: silent.wav"]
    assert (round_trip(pieces.load(0), facts)[0].samples == 0).all()
    one, facts = learned([audio.Sound(np.ones((1, 1), np.float32), 8000)])
    assert audio.to_tensor(one.load(0), facts).mask.sum() == 1
    assert round_trip(one.load(0), facts)[0].samples.tolist() == [[1.0]]
    pieces, facts = learned(silent[:1])
    assert facts["notes"] == ["all sounds are silent: there is nothing to learn"]
    assert facts["scale"] == 1
    assert torch.isfinite(audio.to_tensor(pieces.load(0), facts).x).all()


def test_reading_in_words():
    assert learned(words())[1]["reading"].startswith("20 sounds, 8,000 Hz, mono, ")
    assert [duration(seconds) for seconds in (0.5, 75, 1320, 12600)] == ["0.50 seconds", "75 seconds", "22 minutes", "3.5 hours"]


def test_long_recordings_come_in_pieces_without_seams(tmp_path, monkeypatch):
    """What a network does to a recording in pieces is what it does to the whole, resampled or not."""
    for rate in (8000, 11025):
        soundfile.write(tmp_path / "long.wav", tone(30.3, rate, 2), rate)
        whole = audio.read(tmp_path / "long.wav")
        facts = audio.learn(whole, rate=8000, window=1024)
        with monkeypatch.context() as patch:
            patch.setattr(sources, "PIECE", 2**17)
            pieces = audio.read(str(tmp_path / "long.wav"))
        assert len(pieces.counts) > 3
        assert pieces.count == 1

        def changed(chunk, facts):
            batch, layout = audio.cut(chunk, facts)
            return audio.join(torch.tanh(batch.x.flip(-1)), facts, layout, chunk)

        chunks = [pieces.load(i) for i in range(len(pieces.counts))]
        apart = [sound for chunk in chunks for sound in changed(chunk, facts)]
        expected = changed(whole.load(0), facts)
        together = audio.restore(apart, "long.wav")
        assert len(together) == 1
        np.testing.assert_allclose(together[0].samples, expected[0].samples, atol=1e-6)
        again = audio.learn(pieces, rate=8000, window=1024)
        assert again["scale"] == pytest.approx(facts["scale"])
        assert again["reading"] == facts["reading"]


def test_training_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PIECE", 2**15)
    soundfile.write(tmp_path / "a.wav", tone(10.0), 8000)
    soundfile.write(tmp_path / "b.wav", tone(0.05), 8000)
    pieces = audio.read(tmp_path)
    facts = audio.learn(pieces, window=512)
    assert facts["step"] == 128
    cuts = [audio.training(pieces.load(i), facts, np.random.default_rng(1)) for i in range(len(pieces.counts))]
    a, b = torch.cat([cut.samples.x for cut in cuts]), torch.cat([cut.source for cut in cuts])
    begin, end = torch.cat([cut.begin for cut in cuts]), torch.cat([cut.end for cut in cuts])
    assert a.shape == (len(b), 1, 512)
    assert b.unique().tolist() == [0, 1]
    assert (b == 1).sum() == 1
    assert (b == 0).sum() == pytest.approx(80000 / 128, abs=6)
    assert (begin >= 0).all()
    assert (end <= 1).all()
    assert (begin < end).all()
    assert begin[b == 0].diff().min() > 0
    assert end[b == 0].max() > 0.99
    long = [cut.samples for cut in cuts if cut.source[0] == 0]
    assert all(batch.mask is None for batch in long)  # windows to learn from are never filled up where there is enough
    again = audio.training(pieces.load(0), facts, np.random.default_rng(1))
    assert torch.equal(again.samples.x, cuts[0].samples.x)


def test_values_of_windows_are_spread_over_sounds():
    sounds = [audio.Sound(tone(seconds, 8000, 2), 8000) for seconds in (0.5, 1.0, 0.05)]
    pieces, facts = learned(sounds, window=1000, channels="mono")
    batch, layout = audio.cut(pieces.load(0), facts)
    values = batch.x.square().flatten(1).sum(1) / (1000 if batch.mask is None else batch.mask.flatten(1).sum(1))
    spread = audio.spread(values, facts, layout)
    assert spread.shape == (3,)
    assert spread.dtype == np.float32
    assert spread[2] == pytest.approx(np.square(sounds[2].samples).mean() / facts["scale"] ** 2, rel=1e-3)
    assert (audio.spread(torch.ones(batch.count), facts, layout) == 1).all()


def test_where_a_sound_is_unusual():
    pieces, facts = learned([audio.Sound(tone(2.0), 8000, "a.wav")], window=1000)
    batch, layout = audio.cut(pieces.load(0), facts)
    residuals = torch.zeros_like(batch.x)
    residuals[3] = 1
    assert audio.because(residuals, None, pieces.load(0), facts, layout, [0]) == ["0.33 s to 0.45 s"]
    assert audio.places(pieces.load(0), facts) == {"file": ["a.wav"]}


def test_new_sounds():
    _, facts = learned(words())
    made = audio.from_tensor(torch.randn(3, *facts["shape"]), facts)
    assert [len(sound.samples) for sound in made] == [facts["length"]] * 3
    assert made[0].rate == 8000
    pieces, facts = learned([audio.Sound(tone(3), 8000)])
    assert len(audio.from_tensor(torch.randn(1, *facts["shape"]), facts)[0].samples) == facts["window"]
    like = pieces.load(0)
    assert audio.from_tensor(audio.to_tensor(like, facts).x, facts, like)[0].samples.shape == like[0].samples.shape


def test_without_the_sound_the_layout_is_enough():
    stereo = audio.Sound(tone(1.0, 11025, 2), 11025, "a.flac", "FLAC", "PCM_24")
    pieces, facts = learned([stereo], rate=8000)
    batch, layout = audio.cut(pieces.load(0), facts)
    again = audio.join(batch.x, facts, layout)[0]
    assert (again.rate, again.name, again.format, again.subtype) == (11025, "a.flac", "FLAC", "PCM_24")
    assert again.samples.shape == stereo.samples.shape
    with pytest.raises(BadData, match="windows for a layout"):
        audio.join(torch.cat([batch.x, batch.x]), facts, layout)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(20, 700), (20, 700, 2), (3000,)])
def test_arrays(dtype, shape):
    array = RANDOM.normal(0, 0.1, shape)
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        array = array * 2 ** (8 * kind.itemsize - 1) + (128 if kind.kind == "u" else 0)
    array = array.astype(kind)
    pieces = audio.read(array, rate=8000)
    facts = audio.learn(pieces, rate=8000)
    chunk = pieces.load(0)
    batch = audio.to_tensor(chunk, facts)
    assert batch.x.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    back = audio.restore(round_trip(chunk, facts), array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    np.testing.assert_allclose(back.astype(float), array.astype(float), atol=64 if dtype == "int32" else 1e-6)


def test_results_are_of_the_sort_that_was_given():
    sounds = words(3)
    arrays = [RANDOM.normal(0, 0.1, length).astype(np.float32) for length in (300, 500)]
    assert audio.restore(sounds, ["folder", "a.wav"]) == sounds  # a list of paths, with a folder among them
    assert audio.restore(sounds[:1], sounds[0]) is sounds[0]
    pieces, facts = learned(arrays)
    back = audio.restore(round_trip(pieces.load(0), facts), arrays)
    assert [each.shape for each in back] == [(300,), (500,)]


def test_new_sounds_of_arrays_are_arrays():
    pieces, facts = learned(list(RANDOM.normal(0, 0.1, (20, 700)).astype(np.float32)))
    assert pieces.count == 20
    assert facts["shape"] == [1, 700]  # all of one length: exactly that
    assert audio.from_tensor(torch.zeros(5, 1, 700), facts).shape == (5, 700)
    batch, layout = audio.cut(pieces.load(0), facts)
    assert audio.join(batch.x, facts, layout).shape == (20, 700)


def test_array_files(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.ones((3, 500), np.float32))
    assert audio.read(tmp_path / "a.npz").count == 3


def test_bad_options_and_chunks():
    for wrong in ({"rate": 0}, {"rate": 1.5}, {"window": -1}, {"window": "long"}, {"window": True}):
        with pytest.raises(BadOption, match=next(iter(wrong))):
            audio.read(tone(1.0)[:, 0], **wrong)
    pieces = audio.read(tone(1.0)[:, 0])
    with pytest.raises(BadOption, match="did you mean 'stereo'"):
        audio.learn(pieces, channels="sterio")
    _, facts = learned(words())
    with pytest.raises(BadType, match="a list of Sound"):
        audio.cut({"a": 1}, facts)
    with pytest.raises(BadData, match=r"sound 1: 1 samples are not finite .* at sample 7 \(0\.00 s\)"):
        audio.read(np.where(np.arange(20).reshape(2, 10) == 17, np.nan, 0.0))
    with pytest.raises(BadData, match="no sounds"):
        audio.read(np.zeros((0, 10)))


def test_names_and_words():
    _, facts = learned([audio.Sound(tone(1.0, 8000, 2), 8000)], window=64)
    names = audio.element_names(facts)
    assert len(names) == 128
    assert names[65] == "right 0.12 ms"
    assert dict(audio.describe(facts))["heard as"] == "8,000 Hz, stereo"
    assert audio.labels([], facts) is None
    assert audio.cut([], facts)[0].x.shape == (0, 2, 64)
