"""The rules of the house, counted: sizes, copies, import circles, names, what importing costs, what the pages must mention."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hourglass"
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = ("networks", "bottlenecks", "losses", "kinds", "spoils")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def docstring(node: ast.AST) -> ast.Expr | None:
    if not isinstance(node, ast.Module | ast.ClassDef | Function) or ast.get_docstring(node, clean=False) is None:
        return None
    first = node.body[0]
    return first if isinstance(first, ast.Expr) else None


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def functions() -> Iterator[tuple[str, Path, Function]]:
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                yield f"{relative(path)}:{node.lineno} {node.name}", path, node


def length(function: Function) -> int:
    words = docstring(function)
    return span(function) - (span(words) if words else 0)


# Sizes


def test_functions_are_short() -> None:
    long = {name: length(node) for name, _, node in functions() if length(node) > 40}
    assert not long


def test_the_median_function_is_at_most_nine_lines() -> None:
    assert statistics.median(length(node) for _, _, node in functions()) <= 9


def test_files_are_short() -> None:
    allowed = {"autoencoder.py": 450}
    long = {relative(path): len(lines(path)) for path in FILES if len(lines(path)) > allowed.get(relative(path), 300)}
    assert not long


def options(function: Function) -> int:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def test_functions_take_few_options() -> None:
    def excepted(path: Path, node: Function) -> bool:
        a_command = path.is_relative_to(SOURCE / "cli") and bool(node.decorator_list)
        return a_command or (relative(path) == "autoencoder.py" and node.name in ("__init__", "fit"))

    many = {name: options(node) for name, path, node in functions() if options(node) > 8 and not excepted(path, node)}
    assert not many


def test_modules_are_named_for_what_they_hold() -> None:
    vague = {"utils", "util", "core", "base", "common", "helpers", "helper", "misc"}
    assert not [relative(path) for path in FILES if path.stem.strip("_") in vague or path.parent.name in vague]


# Copies


def code_lines(path: Path) -> list[str]:
    """The lines that count: no blank ones, no imports, no docstrings."""
    left_out: set[int] = set()
    for node in ast.walk(tree(path)):
        skipped = node if isinstance(node, ast.Import | ast.ImportFrom) else docstring(node)
        if skipped is not None:
            left_out.update(range(skipped.lineno, skipped.lineno + span(skipped)))
    return [line.strip() for number, line in enumerate(lines(path), 1) if line.strip() and number not in left_out]


def copied(texts: dict[str, list[str]], size: int = 6) -> tuple[float, Counter[tuple[str, str]]]:
    """The share of six-line windows that also stand in another file, and how many each pair of files shares."""
    homes: dict[tuple[str, ...], set[str]] = {}
    windows = [(name, tuple(text[i : i + size])) for name, text in texts.items() for i in range(len(text) - size + 1)]
    for name, window in windows:
        homes.setdefault(window, set()).add(name)
    pairs = Counter((name, other) for name, window in windows for other in homes[window] - {name})
    share = sum(len(homes[window]) > 1 for _, window in windows) / max(1, len(windows))
    return share, pairs


def test_little_is_copied_between_files() -> None:
    share, pairs = copied({relative(path): code_lines(path) for path in FILES})
    assert share < 0.03, pairs.most_common(10)


def test_copies_are_found() -> None:
    text = [f"line {i}" for i in range(12)]
    assert copied({"a": text, "b": text})[0] == 1.0
    assert copied({"a": text, "b": [f"other {i}" for i in range(12)]})[0] == 0.0


# Imports


def module_of(path: Path) -> str:
    parts = ["hourglass", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def top_level(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is loaded; those for the type checker alone do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from top_level(node.orelse)
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            inside = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            yield from top_level([statement for block in inside for statement in block])


def named(node: ast.Import | ast.ImportFrom, module: str, path: Path) -> list[str]:
    """What an import names: `from a import b` is a.b where that is a module of ours, else a."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    above = package.rsplit(".", node.level - 1)[0] if node.level else ""
    source = ".".join(filter(None, [above, node.module]))
    return [inner if (inner := f"{source}.{alias.name}") in MODULES else source for alias in node.names]


def imported(module: str) -> set[str]:
    """Our modules that `module` asks for when it is loaded."""
    path = MODULES[module]
    return {name for node in top_level(tree(path).body) for name in named(node, module, path) if name in MODULES}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Every module that is reached from itself."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(graph[name])
        return seen

    return [name for name in graph if name in reached(name)]


def test_no_import_circles() -> None:
    assert not circles({module: imported(module) for module in MODULES})


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def test_variants_of_a_folder_never_import_each_other() -> None:
    """Import-linter holds the arrows between rooms; files that begin with `_` are private help and may be imported."""
    wrong = []
    for folder in FOLDERS:
        variants = {module for module in MODULES if re.fullmatch(rf"hourglass\.{folder}\.[a-z]\w*", module)}
        for module in variants:
            inside = [node for node in ast.walk(tree(MODULES[module])) if isinstance(node, ast.Import | ast.ImportFrom)]
            names = {name for node in inside for name in named(node, module, MODULES[module])}
            wrong += [(module, other) for other in variants & names - {module}]
    assert not wrong


def loaded_by(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of `names` are loaded in a fresh interpreter after `code`."""
    script = f"{code}\nimport sys\nprint('\\nLOADED', *[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_loads_nothing_heavy() -> None:
    assert loaded_by("import hourglass", ("torch", "sklearn", "numpy", "pyarrow", "PIL", "av", "click")) == []


def test_help_loads_nothing_heavy() -> None:
    call = "try:\n    group()\nexcept SystemExit as end:\n    assert not end.code"
    code = f"import sys\nsys.argv = ['hourglass', '--help']\nfrom hourglass.cli import group\n{call}"
    assert loaded_by(code, ("torch", "sklearn", "numpy", "scipy", "pyarrow", "PIL", "av", "soundfile", "tifffile", "pandas")) == []


# Safety


def test_no_pickle_and_no_code_from_data() -> None:
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
    found = []
    for path in FILES:
        for node in ast.walk(tree(path)):
            where = f"{relative(path)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom) and modules & set(named(node, module_of(path), path)):
                found.append(f"{where} imports {ast.unparse(node)}")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "torch.load", "torch.save", "joblib.load"):
                found.append(f"{where} calls {ast.unparse(node.func)}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                found.append(f"{where} allows pickle")
    assert not found


def test_torch_stays_below_the_releases_that_bring_cuda() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "torch>=2.9,<2.14" in project["dependencies"]


# What is kept


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_big_file_is_kept() -> None:
    assert not [path.name for path in tracked() if path.stat().st_size > 8 * 2**20]


def test_no_paths_of_a_machine() -> None:
    machines = re.compile("|".join(("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/", r"[A-Z]:\\" + "Users", "/" + "tmp/")))
    found = []
    for path in tracked():
        if path.suffix in (".py", ".md", ".toml", ".yml", ".html", ".svg", ".json", ".txt", ""):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.name}: {match.group()}" for match in machines.finditer(text)]
    assert not found


def test_every_module_and_room_is_typed_and_told() -> None:
    assert (SOURCE / "py.typed").exists()
    assert not [relative(path) for path in FILES if docstring(tree(path)) is None and code_lines(path)]
