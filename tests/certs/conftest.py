"""What the tests of the certificates share: a fixed time, a CA made then, and the real `openssl`."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.authority import Authority, new_authority

Verify = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2031, 7, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority(now: datetime) -> Authority:
    return new_authority(now)


@pytest.fixture
def openssl_verify(tmp_path: Path) -> Verify:
    """Run `openssl verify -x509_strict` over PEM bytes at a given time, with more options where a test has any."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not on the PATH: no second opinion on our certificates")

    def verify(ca: bytes, leaf: bytes, *options: str, at: datetime | None = None) -> subprocess.CompletedProcess[str]:
        (tmp_path / "verify-ca.pem").write_bytes(ca)
        (tmp_path / "verify-leaf.pem").write_bytes(leaf)
        when = ["-attime", str(int(at.timestamp()))] if at else []
        command = [program, "verify", "-x509_strict", "-purpose", "sslserver", *when, *options]
        command += ["-CAfile", str(tmp_path / "verify-ca.pem"), str(tmp_path / "verify-leaf.pem")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    return verify
