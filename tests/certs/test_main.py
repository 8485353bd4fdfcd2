"""`python -m certs`: its lines, its exit codes, and that no key ever gets into its output."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.__main__ import main
from certs.authority import names_of, new_authority, parse_certificate

DAY = timedelta(days=1)
UNTIL = r"valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC"


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "certs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


def key_material(directory: Path) -> set[str]:
    """Return every line of the keys' bodies, cut into pieces that cannot hide in a wrapped line."""
    lines = [line for name in ("ca.key", "tls.key") for line in (directory / name).read_text().splitlines()]
    return {line[at : at + 16] for line in lines if "-----" not in line for at in range(0, len(line) - 15, 16)}


def test_a_run_writes_the_files_and_the_next_keeps_the_ca(tmp_path: Path, openssl_verify: Callable[..., Any]) -> None:
    out = tmp_path / "dev"
    before = datetime.now(UTC)
    first = run("issue", "--out", str(out))
    assert (first.returncode, first.stderr) == (0, "")
    assert re.fullmatch(
        rf"wrote   {out}/ca.crt  the CA, {UNTIL}\n"
        rf"wrote   {out}/ca.key\n"
        rf"wrote   {out}/tls.crt  for localhost, 127.0.0.1, ::1, {UNTIL}\n"
        rf"wrote   {out}/tls.key\n",
        first.stdout,
    )
    keys = key_material(out)
    second = run("issue", "--out", str(out), "--name", "loghook.logs.svc", "--name", "10.0.0.7", "--days", "7")
    assert (second.returncode, second.stderr) == (0, "")
    assert re.fullmatch(
        rf"kept    {out}/ca.crt  the CA, {UNTIL}\n"
        rf"kept    {out}/ca.key\n"
        rf"wrote   {out}/tls.crt  for loghook.logs.svc, 10.0.0.7, {UNTIL}\n"
        rf"wrote   {out}/tls.key\n",
        second.stdout,
    )
    leaf = parse_certificate((out / "tls.crt").read_bytes())
    assert names_of(leaf) == ("loghook.logs.svc", "10.0.0.7")
    assert before + 7 * DAY - timedelta(seconds=1) <= leaf.not_valid_after_utc <= datetime.now(UTC) + 7 * DAY
    verdict = openssl_verify((out / "ca.crt").read_bytes(), (out / "tls.crt").read_bytes())
    assert verdict.returncode == 0, verdict.stderr
    keys |= key_material(out)
    assert len(keys) > 20
    assert not [piece for piece in keys if piece in first.stdout + second.stdout]


def test_runs_at_once_leave_one_ca_and_one_pair(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "certs", "issue", "--out", str(tmp_path / "dev")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4
    assert sum(f"wrote   {tmp_path}/dev/ca.crt" in output for output in outputs) == 1
    assert sum(f"kept    {tmp_path}/dev/ca.crt" in output for output in outputs) == 3
    assert main(["issue", "--out", str(tmp_path / "dev")]) == 0


def test_a_renewed_ca_and_a_narrowed_key_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = new_authority(datetime.now(UTC) - 400 * DAY, 365 * DAY)
    (tmp_path / "ca.crt").write_bytes(old.certificate_pem())
    (tmp_path / "ca.key").write_bytes(old.key_pem())
    (tmp_path / "ca.key").chmod(0o644)
    assert main(["issue", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"renewed {tmp_path}/ca.crt  the CA, on the same key, {UNTIL}", lines[0])
    assert lines[1] == f"kept    {tmp_path}/ca.key  mode set to 0600, it was open to other users"


def test_a_foreign_file_is_refused_with_one_line_and_exit_code_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tls.key").write_text("mine\n")
    assert main(["issue", "--out", str(tmp_path)]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"Error: {tmp_path}/tls.key holds no private key in PEM form, or a damaged one; "
        "move it away or choose another directory (no file was changed)\n"
    )
    assert (tmp_path / "tls.key").read_text() == "mine\n"


def test_a_key_in_the_wrong_place_is_never_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = new_authority(datetime.now(UTC)).key_pem()
    for name, content in (("tls.crt", secret), ("ca.key", secret[:-40]), ("ca.crt", secret)):
        (tmp_path / name).write_bytes(content)
        assert main(["issue", "--out", str(tmp_path)]) == 1
        captured = capfd.readouterr()
        body = secret.decode().splitlines()[1]
        assert captured.err.count("\n") == 1
        assert not [at for at in range(0, 48, 8) if body[at : at + 8] in captured.out + captured.err]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out"),
        (["--out", ""], "name a directory, e.g. --out dev"),
        (["--out", "dev", "--days", "0"], "--days"),
        (["--out", "dev", "--days", "825"], "--days"),
        (["--out", "dev", "--days", "soon"], "--days"),
        (["--out", "dev", "--name", "no_name"], "Invalid value for '--name': 'no_name': not a DNS name"),
        (["--out", "dev", "--name", ""], "Invalid value for '--name': '': not a DNS name"),
        (["--out", "dev", "--name", "*"], "Invalid value for '--name': '*': a wildcard is"),
        (["--out", "dev", "--nmae", "x"], "--nmae"),
        (["--out", "dev", "extra"], "extra"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2_and_makes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["issue", *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command_and_none_are_wrong_use(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["isue"]) == 2
    assert "isue" in capfd.readouterr().err
    assert main([]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Commands:" in captured.err


def test_a_directory_that_cannot_be_written_is_one_line_and_exit_code_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["issue", "--out", str(tmp_path / "file")]) == 2
    assert capfd.readouterr().err == f"Error: {tmp_path}/file: is not a directory\n"
    assert main(["issue", "--out", str(tmp_path / ("x" * 300))]) == 2
    assert capfd.readouterr().err == f"Error: {tmp_path}/{'x' * 300}: File name too long\n"


def test_a_file_system_that_takes_no_more_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from certs.__main__ import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); sys.exit(main())"  # bytes of any file
    )
    command = [sys.executable, "-c", program, "issue", "--out", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"Error: {tmp_path}/.loghook-ca.key.new: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_is_made_and_what_the_exit_codes_mean(tmp_path: Path) -> None:
    result = run("issue", "--help", env={**os.environ, "COLUMNS": "100"}, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    said = ("ca.crt", "ca.key", "tls.crt", "tls.key", "0600", "localhost, 127.0.0.1, ::1", "824", "90", "Exit code")
    assert [word for word in said if word not in result.stdout] == []
    assert main(["--help"]) == 0


def test_the_certificates_come_without_the_injector(tmp_path: Path) -> None:
    program = "import sys, certs.__main__; print(*[m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    unwanted = ["webhook", "fastapi", "kubernetes", "pydantic_settings", "uvicorn"]
    result = subprocess.run(
        [sys.executable, "-c", program, *unwanted], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert result.stdout.split() == []


def test_openssl_reads_the_files_as_a_pair(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: this needs openssl, for a second opinion on our files")
    assert main(["issue", "--out", str(tmp_path)]) == 0
    for name in ("ca", "tls"):
        of_certificate = ["openssl", "x509", "-in", str(tmp_path / f"{name}.crt"), "-noout", "-pubkey"]
        of_key = ["openssl", "pkey", "-in", str(tmp_path / f"{name}.key"), "-pubout"]
        outputs = {subprocess.run(each, capture_output=True, check=True).stdout for each in (of_certificate, of_key)}
        assert len(outputs) == 1


def test_the_longest_certificate_is_one_that_apple_trusts(tmp_path: Path) -> None:
    assert main(["issue", "--out", str(tmp_path), "--days", "824"]) == 0
    leaf = parse_certificate((tmp_path / "tls.crt").read_bytes())
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == 824 * DAY + timedelta(hours=1)
