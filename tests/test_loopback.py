"""No port is asked for and let go again before it is used: somebody else may be given it meanwhile."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("tests", "examples", "webhook", "certs", ".ci")


def let_go(source: str) -> list[int]:
    """The lines of `source` at which a `with` ends that did nothing but find out a socket's port."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.With))
    return [node.lineno for node in found if all("getsockname" in ast.unparse(line) for line in node.body)]


def test_the_search_finds_what_it_looks_for() -> None:
    assert let_go("with create_server(('', 0)) as it:\n    port = it.getsockname()[1]\nuse(port)") == [1]
    assert let_go("def f():\n  with socket() as it:\n    return it.getsockname()[1]") == [2]
    assert let_go("with create_server(('', 0)) as it:\n    port = it.getsockname()[1]\n    use(port)") == []


def test_no_port_is_let_go_before_it_is_used() -> None:
    """`ports.free_port` keeps one for a test; a program of ours takes port 0 and says which it was given."""
    files = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    found = [f"{file.relative_to(ROOT)}:{line}" for file in files for line in let_go(file.read_text("utf-8"))]
    assert found == []
