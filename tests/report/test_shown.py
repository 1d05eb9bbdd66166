"""Samples on the page: what is heard, seen and read must be what went in and what came back."""

from __future__ import annotations

import base64
import io
import re
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass.model import Model, seeded
from hourglass.parts import Batch
from hourglass.report import films, rows, sensors, sounds, spectra, texts
from hourglass.report.made import make_report
from hourglass.report.shown import _chosen

RATE = 8000


def decoded(address: str) -> bytes:
    return base64.b64decode(address.split(",")[1])


def heard(address: str) -> tuple[int, np.ndarray]:
    with wave.open(io.BytesIO(decoded(address))) as sound:
        assert sound.getsampwidth() == 2
        return sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32767


def tone(frequency: float, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def build(kind: str, facts: dict, network: str, loss: str = "gaussian", code_size: int = 2) -> Model:
    facts = {"fields": [["number", 0, facts["shape"][0]]], "resolution": torch.zeros(1), "cut": True, **facts}
    with seeded(0):
        return Model.build(kind, facts, {"network": network, "bottleneck": "plain", "loss": loss, "code_size": code_size, "members": 1})


def test_a_wav_sounds_as_it_should() -> None:
    rate, samples = heard(sounds.wav(0.5 * tone(440), RATE))
    assert rate == RATE
    assert len(samples) == RATE // 2
    assert abs(samples[0]) < 0.01
    assert np.abs(np.fft.rfft(samples)).argmax() == 220  # of half a second


def test_high_rates_are_played_with_fewer_samples() -> None:
    rate, samples = heard(sounds.wav(0.5 * tone(440, rate=44_100), 44_100))
    assert rate == 22_050
    assert np.abs(np.fft.rfft(samples)).argmax() == 220


def test_players_are_safe_and_equally_loud() -> None:
    """However loud or broken a reconstruction is, nothing is louder than full scale, and originals keep half of it."""
    original = 1e-3 * tone(300)[None]
    html = sounds.card_of({"rate": RATE, "shape": [1, 4000]}, [(original, np.full_like(original, np.nan))], ["one"], "")
    players = [heard(address)[1] for address in re.findall(r'audio controls[^>]*src="([^"]+)"', html)]
    assert len(players) == 3
    assert np.abs(players[0]).max() == pytest.approx(sounds.GAIN * 1e-3, rel=0.05)
    assert np.abs(players[1]).max() == 0
    loud = sounds.card_of({"rate": RATE, "shape": [1, 4000]}, [(tone(300)[None], 50 * tone(200)[None])], ["one"], "")
    assert max(np.abs(heard(a)[1]).max() for a in re.findall(r'audio controls[^>]*src="([^"]+)"', loud)) <= 1


def test_sounds_are_short_enough_for_a_page() -> None:
    long = np.random.default_rng(0).normal(size=(1, 60 * 44_100))
    html = sounds.card_of({"rate": 44_100, "shape": [1, 4096]}, [(long, long)] * 3, ["a", "b", "c"], "")
    assert len(html) < 2e6


def test_a_spectrogram_shows_pitches_in_order() -> None:
    low, high = (spectra.loudness(tone(frequency), RATE).mean(1).argmax() for frequency in (200, 1600))
    assert high < low  # high ones above
    middle = spectra.loudness(tone(566), RATE).mean(1).argmax()
    assert abs((low + high) / 2 - middle) < 6  # equal ratios, equal distances
    shown = Image.open(io.BytesIO(decoded(spectra.picture(spectra.loudness(tone(200), RATE), 0.0)))).convert("L")
    assert np.asarray(shown).mean(1).argmax() == pytest.approx(low, abs=2)


def test_windows_that_overlap_become_one_sound() -> None:
    whole = np.random.default_rng(0).normal(size=2000)
    begins = [900, 0, 450, 1400]  # in any order
    x = np.stack([whole[None, b : b + 500] for b in begins])
    original, back = sounds.stretches(x, -x, [2], 5000)[0]
    assert np.array_equal(original[0], whole[:1400])  # the last one does not overlap enough
    assert np.array_equal(back, -original)
    alone = sounds.stretches(np.zeros((3, 1, 500)), np.zeros((3, 1, 500)), [1], 5000)[0][0]
    assert alone.shape == (1, 500)  # silence is like any other silence


def test_masked_steps_are_left_open() -> None:
    x = np.zeros((1, 1, 10))
    mask = np.ones((1, 1, 10), dtype=bool)
    mask[0, 0, 4:6] = False
    html = sensors.card_of({"names": ["<pump>"]}, (x, x + 1, mask), ["best"], "")
    paths = re.findall(r' d="([^"]+)"', html)
    assert [path.count("M") for path in paths] == [2, 2]
    assert [len(re.findall("[ML]", path)) for path in paths] == [8, 8]
    assert "&lt;pump&gt;" in html


def test_sensors_have_the_users_units_and_the_worst_are_shown() -> None:
    x = np.random.default_rng(0).normal(size=(2, 20, 30))
    back = x.copy()
    back[:, 17] = 0
    facts = {"names": [f"sensor {i}" for i in range(20)], "mean": torch.full((20,), 5000.0), "scale": torch.ones(20)}
    html = sensors.card_of(facts, (x, back, None), ["best", "worst"], "")
    assert html.index("sensor 17") < html.index("sensor 0<")
    assert "8 more sensors" in html
    assert "<small>5,000 to 5,000</small>" in html


def test_a_film_moves_and_keeps_its_colours() -> None:
    clip = torch.zeros(3, 5, 6, 8)
    clip[0] = torch.linspace(0, 1, 5)[:, None, None]
    film = Image.open(io.BytesIO(decoded(films.moving(clip, torch.zeros_like(clip), {"rate": [25, 1]}))))
    assert film.n_frames == 5
    film.seek(4)
    pixels = np.asarray(film.convert("RGB"))
    assert pixels[5, 5, 0] > 200
    assert pixels[-5, 5].max() < 60
    html = films.card_of({"rate": [25, 1]}, clip[None], clip[None] * float("nan"), ["best"], "note")
    assert html.count("<img") == 4


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ("anna", "anna", "anna"),
        ("anna", "anno", "ann<mark>o</mark>"),
        ("été", "èté", "<mark>è</mark>té"),
        ("abc", "a", "a<del>__</del>"),
        ("a", "a<b>", "a<mark>&lt;b&gt;</mark>"),
        ("a\nb", "a\tb", "a<mark>⇥</mark>b"),
        ("", "", ""),
    ],
)
def test_wrong_letters_are_marked(given: str, found: str, expected: str) -> None:
    assert texts.compared(given.encode(), found.encode())[1] == expected


def test_bytes_that_are_no_letters_are_shown() -> None:
    assert texts.compared(b"\xff\x00", b"\xff\x00") == ("\ufffd\u2400", "\ufffd\u2400")
    assert texts.bytes_right(b"", b"") == 1.0


def test_a_text_ends_at_its_end() -> None:
    x = torch.tensor([[97, 98, 256, 0]])
    back = torch.tensor([[97, 256, 99, 99]])
    html = texts.card_of(x, back, torch.tensor([[True, True, True, False]]), "")
    assert "50%" in html
    assert "<span>ab<br>a<del>_</del></span>" in html


def test_rows_of_a_table_are_cut_to_what_fits() -> None:
    html = rows.card_of(np.ones((2, 40)), np.zeros((2, 40)))
    assert html.count("<th>") == 30
    assert "10 more columns" in html


def samples(shape: tuple[int, ...], seed: int = 0, count: int = 12) -> Batch:
    x = torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[0, ..., shape[-1] // 2 :] = False
    return Batch(x * mask, mask)


KINDS = {
    "audio": ({"shape": [1, 64], "rate": RATE, "whole": True, "channels": 1, "window": 64}, "<audio"),
    "series": ({"shape": [3, 16], "names": ["a", "b", "c"], "window": 16}, 'class="sensors"'),
    "video": ({"shape": [3, 4, 8, 8], "rate": [25, 1]}, "image/webp"),
    "image": ({"shape": [1, 8, 8]}, "image/png"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_something_to_look_at(kind: str) -> None:
    facts, expected = KINDS[kind]
    model = build(kind, facts, "dense:widths=[8]" if kind != "video" else "conv:widths=[4]")
    report = make_report(model, samples(tuple(facts["shape"])), samples(tuple(facts["shape"]), 1))
    assert expected in report.html
    assert report.verdicts[0].level == "bad"
    assert "<script" not in report.html


def test_samples_are_shown_from_the_best_to_the_worst() -> None:
    model = build("image", {"shape": [1, 8, 8]}, "dense:widths=[8]")
    given = samples((1, 8, 8))
    given.x[5] *= 100
    few = _chosen(model, given, 4)
    assert few.order[-1] == 5
    errors = few.errors[few.order]
    assert bool((errors.diff() >= 0).all())
    assert torch.equal(few.given[-1], given.x[5])
