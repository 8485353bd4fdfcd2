"""`make test` says beforehand what it will skip, and about how long it takes."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SKIPS = re.compile(r"(?:NOT TESTED: (?:this needs|no|this is no) |there is no )([^\"{:]+)")


@pytest.fixture(scope="module")
def foretell() -> ModuleType:
    spec = importlib.util.spec_from_file_location("foretell", ROOT / ".ci" / "foretell.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["foretell"] = module
    spec.loader.exec_module(module)
    return module


def test_whatever_a_test_needs_is_foretold(foretell: ModuleType) -> None:
    """What the tests of `make test` say when they skip is in the table, by its name."""
    names = [need.name for need in foretell.NEEDS]
    unknown = [
        f"{file.name}: {said}"
        for file in (ROOT / "tests").rglob("*.py")
        if "cluster" not in file.parts and file.name not in {"test_conftest.py", Path(__file__).name}
        for line in file.read_text("utf-8").splitlines()
        if "pytest.skip(" in line or "reason=" in line
        for said in _SKIPS.findall(line)
        if not any(name in said for name in names)
    ]
    assert unknown == [], "each needs a row in NEEDS of .ci/foretell.py"


def test_it_says_what_is_missing_and_how_long_then_runs_and_remembers(tmp_path: Path) -> None:
    script = tmp_path / ".ci" / "foretell.py"
    script.parent.mkdir()
    script.write_text((ROOT / ".ci" / "foretell.py").read_text())

    def run(code: int) -> tuple[int, str]:
        command = [sys.executable, str(script), "test", sys.executable, "-c", f"print('ran'); raise SystemExit({code})"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env={"PATH": str(tmp_path)}
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    code, said = run(3)
    assert code == 3
    assert said.startswith("make test: takes about 10 minutes on two idle cores\nskips the tests that need:\n")
    assert "\n  busybox (apt-get install busybox-static)\n" in said
    assert said.endswith("\nran\n")
    assert run(0)[1].startswith("make test: takes about 10 minutes")
    assert re.match(r"make test: took \d+ s the last time\n", run(0)[1])
