"""`detect` on pictures: marked pictures in a folder, and the comparison with masks."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PNG = re.compile(r"data:image/png;base64,([^\"]+)")
SPAN = "unet:widths=[4,8],blocks=1,sight=light"


def brushed(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (100 + random.normal(0, 5, (1, 70)) + random.normal(0, 4, (66, 70))).astype(np.uint8)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("good", "new", "truth"):
        Path(folder).mkdir()
    for number in range(10):
        Image.fromarray(brushed(number)).save(f"good/{number}.png")
    for number in range(4):
        pixels, mask = brushed(100 + number), np.zeros((66, 70), np.uint8)
        if number < 2:
            mask[20:28, 30:38] = 255
            pixels[mask > 0] //= 2
            Image.fromarray(mask).save(f"truth/{number}.png")
        Image.fromarray(pixels).save(f"new/{number}.png")
    return tmp_path


def test_defects_are_marked_and_compared_with_masks(run, told, place: Path) -> None:
    run("fit", "good", "--purpose", "detect", "--network", SPAN, "--epochs", 12, "--seed", 0, "-o", "m", "--quiet")
    answer = told("detect", "m.hourglass", "new", "--maps", "maps", "--masks", "truth", "--page", "found.html")
    assert answer["masks"]["defects"] == 2
    assert answer["masks"]["image_auroc"] == 1
    assert answer["masks"]["pixel_auroc"] > 0.9
    assert {row["file"] for row in answer["top"][:2]} == {"0.png", "1.png"}
    with Image.open("maps/0.png.png") as marked:
        assert (marked.mode, marked.size) == ("RGB", (70, 66))
        pixels = np.asarray(marked, int)
    assert (pixels[..., 0] - pixels[..., 2])[21:27, 31:37].mean() > 50
    page = Path("found.html").read_text()
    assert page.count("<figure>") == 4
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), int) for data in PNG.findall(page)[:2]]
    assert (shown[1] - shown[0])[21:27, 31:37, 0].mean() > 50  # the first has its defect marked, by the map
    assert abs(shown[1] - shown[0])[40:, :20].mean() < 20
    assert "area under the ROC curve: 1.000 of pictures" in run("detect", "m.hourglass", "new", "--masks", "truth").stdout
    measures = told("report", "m.hourglass", "new", "--masks", "truth", "-o", "report.html")["measures"]
    same = {name: pytest.approx(answer["masks"][name], abs=1e-5) for name in ("image_auroc", "pixel_auroc")}
    assert measures["masks"]["ways"]["model"] == same
    assert 0.9 < measures["masks"]["ways"]["differences"]["image_auroc"] <= 1  # what is darker by half needs no network
    report = Path("report.html").read_text()
    assert "Finding defects" in report
    assert report.count("<figure>") >= 4
    assert "give the pictures too" in run("report", "m.hourglass", "--masks", "truth", code=2).output
    assert "exists already" in run("detect", "m.hourglass", "new", "--maps", "maps", code=2).output
    assert "no picture has a mask" in run("detect", "m.hourglass", "new", "--masks", ".bmp", code=2).output
