"""Contract: imports go one way, and neither files nor functions grow without end."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "wattcast"

#: First-level rooms in the order data meets them; a room imports only from those before it, or from itself.
ORDER = (
    "schema",
    "read",
    "check",
    "describe",
    "features",
    "library",
    "kernels",
    "nets",
    "runtime",
    "export",
    "train",
    "forecast",
    "baselines",
    "rivals",
    "evaluate",
    "report",
    "estimator",
    "chapter",
    "learn",
    "settings",
    "cli",
    "__main__",
)
#: Rooms that know less than their place would allow.
ONLY = {
    "kernels": {"library"},
    "runtime": {"schema", "features", "library", "nets"},
    "export": {"schema", "features", "nets", "runtime"},
    "baselines": {"schema", "features"},
    "rivals": {"schema", "features", "baselines"},
    "evaluate": {"schema", "features", "baselines"},
}

LONGEST_FILE, LONGEST_FUNCTION = 500, 60
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and dotted name of every import of ours, those in functions too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            names = [alias.name for alias in node.names] if node.module == "wattcast" else [""]
            found += [(node.lineno, f"{node.module}.{name}".rstrip(".")) for name in names]
    return [(line, name) for line, name in found if name.split(".")[0] == "wattcast"]


def test_every_room_has_its_place():
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__"}
    assert rooms <= set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path):
    here = room_of(path)
    if here in ("__init__", "__main__"):
        return  # the public list re-exports from everywhere
    allowed = ONLY.get(here, set(ORDER[: ORDER.index(here)])) | {here}
    for line, name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        there = parts[1] if len(parts) > 1 else "__init__"
        if there == "__version__":  # the package's own, no room's
            continue
        assert there in allowed, f"{path.name}, line {line}: {here} imports {there}"


def functions(tree: ast.AST) -> list[tuple[str, int]]:
    """Name and lines of every function, without its docstring."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[1:] if ast.get_docstring(node) is not None else node.body
            head = node.body[0].lineno - node.lineno
            length = head + (node.end_lineno - first[0].lineno + 1 if first else 0)
            found.append((node.name, length))
    return found


def test_files_and_functions_stay_short():
    long = []
    for path in FILES:
        text = path.read_text()
        if text.count("\n") > LONGEST_FILE:
            long.append(f"{path.relative_to(SOURCE)}: {text.count(chr(10))} lines")
        long += [
            f"{path.relative_to(SOURCE)}, {name}: {length} lines"
            for name, length in functions(ast.parse(text))
            if length > LONGEST_FUNCTION
        ]
    print(*long, sep="\n")
    assert not long
