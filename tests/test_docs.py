"""The pages keep their promises: their examples run, they name everything there is, their links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
import runpy
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from PIL import Image

import hourglass
from hourglass import errors
from hourglass.parts import FOLDERS, find, listing, options_of

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "src" / "hourglass" / "cli" / "samples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOR_USERS = [page for page in PAGES if page.name not in ("help.md", "design.md")]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
    if path.name != "__main__.py"
)


class Block(NamedTuple):
    """A fenced block of a page: its language, its text and the line it begins at."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page that are to be run: those without `<!-- not run: reason -->` directly above."""
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"(<!-- not run: .+? -->\s*)?^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if not match[1]:
            yield Block(match[2], match[3], text[: match.start(3)].count("\n"))


def test_marked_blocks_are_left_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: takes an hour -->\n```python\n1 / 0\n```\n\n```python\nx = 1\n```\n")
    assert [block.text for block in blocks(page)] == ["x = 1\n"]


# Examples run. They do so in a folder that holds the files of `place`, as CONTRIBUTING.md tells those who write them.


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with two tables, a series, pictures, a film, `recordings/` and `names.txt`."""
    transactions(300, 0).to_csv(tmp_path / "transactions.csv", index=False)
    transactions(40, 1).to_csv(tmp_path / "new.csv", index=False)
    pd.read_csv(SAMPLES / "machine-temperature.csv.gz").tail(600).to_csv(tmp_path / "machine.csv", index=False)
    photo = Image.open(SAMPLES / "photo.png").convert("RGB").resize((96, 64))
    photo.save(tmp_path / "photo.png")
    photo.save(tmp_path / "holiday.jpg", quality=90)
    (tmp_path / "pictures").mkdir()
    for number in range(8):
        photo.crop((8 * number, 0, 8 * number + 32, 32)).save(tmp_path / "pictures" / f"{number}.png")
    film = np.stack([np.asarray(photo.crop((2 * step, 0, 2 * step + 32, 32))) for step in range(24)])
    find("kinds", "video").write([film[None]], tmp_path / "holiday.mp4", {})
    (tmp_path / "recordings").mkdir()
    for number in range(8):
        tone = np.sin(np.arange(1600) * (0.2 + 0.01 * number)) * np.hanning(1600) / 2
        soundfile.write(tmp_path / "recordings" / f"hello-{number}.wav", tone, 8000)
    (tmp_path / "names.txt").write_text("".join(f"{name}\n" for name in ("emma", "olivia", "ava", "isabella", "sophia", "mia") * 10))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def transactions(count: int, seed: int) -> pd.DataFrame:
    """A table as shops have it: amounts, hours, a category, a flag; the last rows are out of the ordinary."""
    generator = np.random.default_rng(seed)
    hours = generator.integers(8, 20, count)
    amounts = np.round(20 + 2 * hours + generator.normal(0, 3, count), 2)
    amounts[-3:] *= 40
    shops = np.array(["books", "food", "shoes"])[generator.integers(0, 3, count)]
    return pd.DataFrame({"amount": amounts, "hour": hours, "shop": shops, "online": shops == "books", "items": generator.poisson(3, count)})


def run_python(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    if ">>> " not in block.text:
        exec(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
        return
    case = doctest.DocTestParser().get_doctest(block.text, namespace, page.name, str(page), block.line)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(case, clear_globs=False).failed == 0
    namespace.update(case.globs)


def commands(block: Block) -> Iterator[list[str]]:
    """The `hourglass` lines of a shell block, as words."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["hourglass"]:
            assert not {"|", ">", "<", "&&", ";"} & set(words), f"{line!r} needs a shell; put <!-- not run: reason --> above the block"
            yield words[1:]


def run_commands(page: Path, block: Block) -> None:
    for words in commands(block):
        result = CliRunner().invoke(maker().group(), words, prog_name="hourglass")
        assert result.exit_code == 0, f"{page.name}:{block.line}: hourglass {shlex.join(words)}\n{result.output}\n{result.exception!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(page: Path, place: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language in ("python", "py"):
            run_python(page, block, namespace)
        elif block.language in ("console", "sh", "bash", "shell"):
            run_commands(page, block)


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_example_scripts_run(script: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str, place: Path) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0


# Everything is told


@cache
def code_on(*pages: Path) -> str:
    """All that stands as code on the pages, in blocks or between backticks."""
    texts = [page.read_text(encoding="utf-8") for page in pages]
    return "\n".join(piece for text in texts for piece in re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def missing(names: Iterator[str] | list[str], pages: list[Path]) -> list[str]:
    text = code_on(*pages)
    return [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def test_public_names_are_told() -> None:
    assert not missing(list(hourglass.__all__), FOR_USERS)


def test_methods_are_told() -> None:
    public = [
        name for name in vars(hourglass.Autoencoder) if not re.fullmatch(r"_.*|set_\w+_request", name)
    ]  # the latter are scikit-learn's own
    assert not missing([name for name in public if callable(getattr(hourglass.Autoencoder, name))], FOR_USERS)


def test_settings_are_told() -> None:
    assert not missing(list(hourglass.Autoencoder().get_params(deep=False)), FOR_USERS)


def test_options_of_parts_are_told() -> None:
    factories = {
        "networks": ("encoder", "decoder"),
        "bottlenecks": ("bottleneck",),
        "losses": ("loss",),
        "kinds": ("read", "learn"),
        "spoils": ("spoil",),
    }
    found = {
        option
        for folder, names in factories.items()
        for variant in listing(folder)
        for name in names
        for option in options_of(getattr(find(folder, variant), name))
    }
    assert not missing(sorted(found - {"native", "symbols"}), [ROOT / "docs" / "parts.md"])


def test_verdicts_are_told() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "hourglass" / "report").glob("*.py"))
    names = set(re.findall(r'Verdict\(\s*"([^"]+)"', source))
    assert len(names) > 15
    assert not missing(sorted(names), [ROOT / "docs" / "report.md"])


def test_errors_are_told() -> None:
    assert not missing([name for name in errors.__all__ if name[0].isupper()], FOR_USERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_variants_are_told(folder: str) -> None:
    assert not missing(list(listing(folder)), FOR_USERS)


def test_commands_are_told() -> None:
    words = [words for words, _ in maker().walk(maker().group()) if " " in words]
    assert not missing(words, FOR_USERS)


def test_flags_are_told() -> None:
    everywhere = code_on(*PAGES)
    flags = {flag for _, command in maker().walk(maker().group()) for p in command.params for flag in p.opts if flag.startswith("--")}
    assert not [flag for flag in sorted(flags) if not re.search(rf"{flag}(?![\w-])", everywhere)]


@cache
def maker() -> ModuleType:
    """docs/make.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "docs" / "make.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_page_is_up_to_date() -> None:
    page = ROOT / "docs" / "help.md"
    assert page.read_text(encoding="utf-8") == maker().page(), "run: make docs"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    local = [a or b for a, b in targets if not re.match(r"\w+:", a or b)]
    assert not [target for target in local if not (page.parent / target).exists()]


def test_the_index_lists_every_page() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert not [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in text]
