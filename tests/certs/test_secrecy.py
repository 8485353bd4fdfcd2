"""No private key is kept in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{32}")


def test_no_file_that_git_knows_has_a_private_key() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=False, cwd=ROOT)
    if done.returncode:
        pytest.skip("NOT TESTED: this is no git repository")
    files = [ROOT / name.decode() for name in done.stdout.split(b"\0") if name]
    assert len(files) > 100
    assert [str(file) for file in files if file.is_file() and KEY.search(file.read_bytes())] == []


def test_a_private_key_would_be_found() -> None:
    assert KEY.search(b"-----BEGIN EC PRIVATE KEY-----\n" + b"MHcCAQEEIODXdTYcOYr1zSBYDfEbLqnMmsmqVsCqFLoQ6kCwXkrK")
