"""The rule that no test is skipped in CI for want of something that could be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_lacks_a_program():
    pytest.skip("NOT TESTED: this needs a program")

@pytest.mark.skipif(True, reason="NOT TESTED: this needs root")
def test_lacks_a_right():
    pass

def test_is_of_no_use_here():
    pytest.skip("NOT TESTED: root may read every file")

@pytest.mark.xfail(reason="this needs a fix elsewhere")
def test_is_known_to_fail():
    raise ValueError
"""


@pytest.mark.parametrize(
    ("ci", "closing"), [("", "3 skipped, 1 xfailed"), ("1", "1 failed, 1 skipped, 1 xfailed, 1 error")]
)
def test_fails_in_ci_where_something_is_lacking(tmp_path: Path, ci: str, closing: str) -> None:
    (tmp_path / "test_lacking.py").write_text(TESTS)
    options = f"--rootdir {tmp_path} -p conftest -p no:cacheprovider {tmp_path}".split()
    command = [sys.executable, "-m", "pytest", *options]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "LOGHOOK_CI": ci}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert f"{closing} in" in done.stdout, done.stdout
    assert done.returncode == (1 if ci else 0)
