"""The four files in a real directory: what is written, what is kept, what is refused, and what a kill leaves behind."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certs.authority import (
    Authority,
    BadNameError,
    Pair,
    is_issued_by,
    issue_leaf,
    names_of,
    new_authority,
    parse_certificate,
    parse_key,
    renew_authority,
    renewal_time,
)
from certs.files import Issued, RefusedError, issue

DAY = timedelta(days=1)
FILES = ["ca.crt", "ca.key", "tls.crt", "tls.key"]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


def assert_whole(directory: Path) -> None:
    """Fail unless the four files, and only they, are there and belong together."""
    found = contents(directory)
    assert sorted(found) == FILES
    authority = Authority(parse_certificate(found["ca.crt"]), parse_key(found["ca.key"]))
    leaf = Pair(parse_certificate(found["tls.crt"]), parse_key(found["tls.key"]))
    assert is_issued_by(leaf.certificate, authority.certificate)
    assert modes(directory)["ca.key"] == modes(directory)["tls.key"] == 0o600


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "dev"


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let every mode that is asked for come true."""
    before = os.umask(0)
    yield
    os.umask(before)


# What is written and kept


@pytest.mark.usefixtures("no_umask")
def test_the_first_run_makes_the_directory_and_the_four_files(tmp_path: Path, now: datetime) -> None:
    directory = tmp_path / "a" / "b"
    issued = issue(directory, ["localhost", "::1"], now, 30 * DAY)
    assert_whole(directory)
    assert modes(directory) == {"ca.crt": 0o644, "ca.key": 0o600, "tls.crt": 0o644, "tls.key": 0o600}
    assert contents(directory) == {
        "ca.crt": issued.authority.certificate_pem(),
        "ca.key": issued.authority.key_pem(),
        "tls.crt": issued.leaf.certificate_pem(),
        "tls.key": issued.leaf.key_pem(),
    }
    assert names_of(issued.leaf.certificate) == ("localhost", "::1")
    assert issued.leaf.expires == now + 30 * DAY
    assert issued == Issued(directory, issued.authority, issued.leaf, "made", narrowed=False)


@pytest.mark.usefixtures("no_umask")
def test_no_key_is_wider_than_0600_for_a_moment(
    directory: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    born: dict[str, int] = {}
    real_open = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777) -> int:
        handle = real_open(path, flags, mode)
        if flags & os.O_CREAT:
            born[Path(path).name] = stat.S_IMODE(os.fstat(handle).st_mode)
        return handle

    monkeypatch.setattr(os, "open", watched)
    issue(directory, ["localhost"], now)
    keys = {name: mode for name, mode in born.items() if "key" in name}
    assert len(keys) == 2
    assert set(keys.values()) == {0o600}
    assert len(born) == 4  # so every file was seen when it was born


def test_a_second_run_keeps_the_ca_and_replaces_the_leaf_and_its_key(directory: Path, now: datetime) -> None:
    issue(directory, ["localhost"], now)
    before = contents(directory)
    again = issue(directory, ["loghook.logs.svc"], now + DAY)
    after = contents(directory)
    assert_whole(directory)
    assert again.authority_was == "kept"
    assert {name for name in FILES if before[name] == after[name]} == {"ca.crt", "ca.key"}
    assert names_of(parse_certificate(after["tls.crt"])) == ("loghook.logs.svc",)


@pytest.mark.parametrize("days", [2434, 3650, 9000], ids=["near its end", "ended today", "long ended"])
def test_an_old_ca_is_renewed_on_its_key(directory: Path, now: datetime, days: int) -> None:
    issue(directory, ["localhost"], now)
    before = contents(directory)
    again = issue(directory, ["localhost"], now + days * DAY)
    after = contents(directory)
    assert_whole(directory)
    assert again.authority_was == "renewed"
    assert again.authority.expires == now + (days + 3650) * DAY
    assert after["ca.key"] == before["ca.key"]
    assert after["ca.crt"] != before["ca.crt"]
    assert is_issued_by(parse_certificate(before["tls.crt"]), again.authority.certificate)


def test_a_ca_that_is_not_old_yet_is_kept(directory: Path, now: datetime) -> None:
    first = issue(directory, ["localhost"], now)
    due = renewal_time(first.authority.certificate)
    assert issue(directory, ["localhost"], due - timedelta(seconds=1)).authority_was == "kept"
    assert issue(directory, ["localhost"], due).authority_was == "renewed"


def test_a_ca_that_would_end_before_the_leaf_is_renewed(directory: Path, now: datetime) -> None:
    directory.mkdir()
    short = new_authority(now, 20 * DAY)
    (directory / "ca.crt").write_bytes(short.certificate_pem())
    (directory / "ca.key").write_bytes(short.key_pem())
    assert issue(directory, ["localhost"], now, 20 * DAY).authority_was == "kept"
    issued = issue(directory, ["localhost"], now, 21 * DAY)
    assert issued.authority_was == "renewed"
    assert issued.leaf.expires == now + 21 * DAY


def test_a_ca_key_that_is_open_to_others_is_closed_and_reported(directory: Path, now: datetime) -> None:
    issue(directory, ["localhost"], now)
    (directory / "ca.key").chmod(0o640)
    assert issue(directory, ["localhost"], now).narrowed
    assert modes(directory)["ca.key"] == 0o600
    (directory / "ca.key").chmod(0o400)
    assert not issue(directory, ["localhost"], now).narrowed
    assert modes(directory)["ca.key"] == 0o400


def test_a_leaf_that_lost_its_key_is_replaced(directory: Path, now: datetime) -> None:
    issue(directory, ["localhost"], now)
    (directory / "tls.key").unlink()
    issue(directory, ["localhost"], now)
    assert_whole(directory)


def test_other_files_of_the_directory_are_left_alone(directory: Path, now: datetime) -> None:
    directory.mkdir()
    (directory / "notes.txt").write_text("mine")
    issue(directory, ["localhost"], now)
    assert sorted(contents(directory)) == sorted([*FILES, "notes.txt"])
    assert (directory / "notes.txt").read_text() == "mine"


def test_a_directory_behind_a_link_is_used(tmp_path: Path, directory: Path, now: datetime) -> None:
    directory.mkdir()
    (tmp_path / "link").symlink_to(directory)
    issue(tmp_path / "link", ["localhost"], now)
    assert_whole(directory)


# What is refused


def foreign_ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody's CA\nand more")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # noqa: FBT003  # their order is X.509's
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def a_foreign_ca(directory: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (directory / "ca.crt").write_bytes(foreign_ca(key, now))
    (directory / "ca.key").write_bytes(key_pem(key))


def a_leaf_as_ca(directory: Path, now: datetime) -> None:
    leaf = issue_leaf(new_authority(now), ["localhost"], now)
    (directory / "ca.crt").write_bytes(leaf.certificate_pem())
    (directory / "ca.key").write_bytes(leaf.key_pem())


def a_foreign_ca_key(directory: Path, now: datetime) -> None:
    (directory / "ca.key").write_bytes(new_authority(now).key_pem())


def an_rsa_ca_key(directory: Path, now: datetime) -> None:
    del now
    (directory / "ca.key").write_bytes(key_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


def an_encrypted_ca_key(directory: Path, now: datetime) -> None:
    (directory / "ca.key").write_bytes(key_pem(new_authority(now).key, password=b"x"))


def a_ca_from_the_future(directory: Path, now: datetime) -> None:
    future = renew_authority(issue(directory, ["localhost"], now).authority, now + 2 * DAY)
    (directory / "ca.crt").write_bytes(future.certificate_pem())


def a_leaf_of_another_ca(directory: Path, now: datetime) -> None:
    leaf = issue_leaf(new_authority(now), ["localhost"], now)
    (directory / "tls.crt").write_bytes(leaf.certificate_pem())
    (directory / "tls.key").write_bytes(leaf.key_pem())


def a_foreign_leaf_key(directory: Path, now: datetime) -> None:
    (directory / "tls.key").write_bytes(new_authority(now).key_pem())


def a_leaf_with_its_chain(directory: Path, now: datetime) -> None:
    del now
    (directory / "tls.crt").write_bytes((directory / "tls.crt").read_bytes() + (directory / "ca.crt").read_bytes())


def text(name: str) -> Callable[[Path, datetime], None]:
    def replace(directory: Path, now: datetime) -> None:
        del now
        (directory / name).write_text("# mine\n")

    return replace


def lost(*names: str) -> Callable[[Path, datetime], None]:
    def lose(directory: Path, now: datetime) -> None:
        del now
        for name in names:
            (directory / name).unlink()

    return lose


def link(name: str) -> Callable[[Path, datetime], None]:
    def replace(directory: Path, now: datetime) -> None:
        del now
        (directory / name).rename(directory.parent / f"real-{name}")
        (directory / name).symlink_to(directory.parent / f"real-{name}")

    return replace


def a_pipe(directory: Path, now: datetime) -> None:
    del now
    (directory / "tls.key").unlink()
    os.mkfifo(directory / "tls.key")


def a_folder(directory: Path, now: datetime) -> None:
    del now
    (directory / "tls.crt").unlink()
    (directory / "tls.crt").mkdir()


def a_flood(directory: Path, now: datetime) -> None:
    del now
    (directory / "tls.crt").write_bytes(b"x" * 1_000_000)


REFUSALS: list[tuple[Callable[[Path, datetime], None], str]] = [
    (a_foreign_ca, "ca.crt is not a CA that loghook made"),
    (a_leaf_as_ca, "ca.crt is not a CA certificate"),
    (a_foreign_ca_key, "ca.key is not the key of ca.crt"),
    (an_rsa_ca_key, "ca.key holds a key of another kind than ECDSA P-256"),
    (an_encrypted_ca_key, "ca.key is encrypted, and loghook's keys are not"),
    (a_ca_from_the_future, "ca.crt is not valid before 2031-07-03 11:00 UTC, so it or this machine's clock is wrong"),
    (a_leaf_of_another_ca, "tls.crt is not signed by the CA of ca.crt"),
    (a_foreign_leaf_key, "tls.key is not the key of tls.crt"),
    (a_leaf_with_its_chain, "tls.crt holds 2 certificates instead of one"),
    (text("ca.crt"), "ca.crt holds no certificate in PEM form, or a damaged one"),
    (text("ca.key"), "ca.key holds no private key in PEM form, or a damaged one"),
    (text("tls.crt"), "tls.crt holds no certificate in PEM form, or a damaged one"),
    (text("tls.key"), "tls.key holds no private key in PEM form, or a damaged one"),
    (lost("ca.crt"), "ca.key is there without ca.crt, so it is not known whose key it is"),
    (lost("ca.key"), "ca.crt is there without ca.key, and without the key nothing can be signed"),
    (lost("ca.crt", "ca.key"), "tls.crt is there without ca.crt, so it is not known whose it is"),
    (lost("tls.crt"), "tls.key is there without tls.crt, so it is not known whose key it is"),
    *((link(name), f"{name} is a symbolic link") for name in FILES),
    (a_pipe, "tls.key is not a regular file"),
    (a_folder, "tls.crt is not a regular file"),
    (a_flood, "tls.crt is far too large for a certificate or key"),
]


@pytest.mark.parametrize(("change", "why"), REFUSALS, ids=[why for _, why in REFUSALS])
def test_a_foreign_file_is_refused_and_nothing_is_changed(
    directory: Path, now: datetime, change: Callable[[Path, datetime], None], why: str
) -> None:
    issue(directory, ["localhost"], now)
    change(directory, now)
    before = {path.name: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in directory.iterdir()}
    with pytest.raises(RefusedError) as caught:
        issue(directory, ["localhost"], now)
    whole = f"{directory}/{why}; move it away or choose another directory (no file was changed)"
    assert str(caught.value) == whole
    assert {path.name: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in directory.iterdir()} == before


def test_a_dangling_link_is_refused_and_its_target_not_made(tmp_path: Path, directory: Path, now: datetime) -> None:
    directory.mkdir()
    (directory / "ca.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="symbolic link"):
        issue(directory, ["localhost"], now)
    assert not (tmp_path / "elsewhere").exists()


def test_a_bad_name_is_found_before_anything_is_made(directory: Path, now: datetime) -> None:
    with pytest.raises(BadNameError):
        issue(directory, ["localhost", "no_name"], now)
    assert not directory.exists()


def test_a_message_stays_one_line_whatever_the_directory_is_called(tmp_path: Path, now: datetime) -> None:
    directory = tmp_path / "two\nlines\x1b[31m"
    directory.mkdir()
    (directory / "tls.key").write_text("mine")
    with pytest.raises(RefusedError, match=r"two\\nlines\\x1b") as caught:
        issue(directory, ["localhost"], now)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", ["file", "file/dev"])
def test_a_directory_that_cannot_be_one_is_an_os_error_that_names_it(tmp_path: Path, now: datetime, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError) as caught:
        issue(tmp_path / place, ["localhost"], now)
    assert str(caught.value.filename).startswith(str(tmp_path / "file"))


# What a failure or a kill leaves behind


@pytest.mark.parametrize("again", [False, True], ids=["first run", "later run"])
def test_a_full_disk_leaves_what_was_there(
    directory: Path, now: datetime, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    directory.mkdir()
    if again:
        issue(directory, ["localhost"], now)
    before = contents(directory)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            issue(directory, ["localhost"], now)
    assert Path(caught.value.filename).parent == directory
    assert contents(directory) == before
    issue(directory, ["localhost"], now)
    assert_whole(directory)


def test_leftovers_that_fit_nothing_are_removed(directory: Path, now: datetime) -> None:
    issue(directory, ["localhost"], now)
    before = contents(directory)
    (directory / ".loghook-tls.key.new").write_bytes(b"half a k")
    (directory / ".loghook-ca.crt.new").write_bytes(before["tls.crt"])
    (directory / ".loghook-tls.crt.new").symlink_to(directory / "ca.crt")
    issue(directory, ["localhost"], now)
    assert_whole(directory)
    assert contents(directory)["ca.crt"] == before["ca.crt"]


def test_a_waiting_certificate_never_replaces_a_foreign_one(directory: Path, now: datetime) -> None:
    leaf = issue(directory, ["localhost"], now).leaf
    (directory / ".loghook-tls.crt.new").write_bytes(leaf.certificate_pem())
    foreign = issue_leaf(new_authority(now), ["localhost"], now).certificate_pem()
    (directory / "tls.crt").write_bytes(foreign)
    with pytest.raises(RefusedError, match="not signed by the CA"):
        issue(directory, ["localhost"], now)
    assert (directory / "tls.crt").read_bytes() == foreign


# A child that dies at its nth call to the file system, for n = 0, 1, … until one run comes through. Each starts from a
# copy of the same directory, and each copy is reported.
KILLED = """
import json, os, shutil, sys
from datetime import datetime, timedelta
from pathlib import Path
from certs.files import issue

start, work, moment = Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
CALLS = ("open", "fdopen", "fsync", "close", "replace", "rename", "unlink", "fchmod", "lstat", "fstat", "mkdir")

def child(directory, steps):
    left = iter(range(steps))
    def wrapped(real):
        def call(*args, **kwargs):
            if next(left, None) is None:
                os._exit(9)
            return real(*args, **kwargs)
        return call
    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
    issue(directory, ["localhost"], moment)
    os._exit(0)

report, status = [], 9
while status == 9:
    directory = work / str(len(report))
    shutil.copytree(start, directory, copy_function=shutil.copy2)
    pid = os.fork()
    if pid == 0:
        child(directory, len(report))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    report.append(status)
print(json.dumps(report))
"""


@pytest.mark.parametrize(("begin", "days"), [("nothing", 0), ("a CA and a leaf", 1), ("an expired CA", 4000)], ids=str)
def test_a_kill_at_any_step_leaves_what_the_next_run_completes(
    tmp_path: Path, directory: Path, now: datetime, begin: str, days: int
) -> None:
    directory.mkdir()
    if begin != "nothing":
        issue(directory, ["localhost"], now)
    before = contents(directory)
    later = now + days * DAY
    (tmp_path / "work").mkdir()
    command = [sys.executable, "-c", KILLED, str(directory), str(tmp_path / "work"), later.isoformat()]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    statuses = json.loads(output)
    assert statuses[-1] == 0
    assert len(statuses) > 30  # so there were many moments to die at
    torn = 0
    for step in range(len(statuses)):
        copy = tmp_path / "work" / str(step)
        wide = [name for name, mode in modes(copy).items() if "key" in name and mode & 0o077]
        assert wide == []
        torn += step + 1 < len(statuses) and contents(copy) != before
        issue(copy, ["localhost"], later)
        assert_whole(copy)
        assert before.get("ca.key") in (None, contents(copy)["ca.key"])
    assert torn > 5  # so several kills came in mid-change


# Several at once


def test_runs_at_once_agree_on_one_ca_and_never_tear_the_files(directory: Path, now: datetime) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: issue(directory, ["localhost"], now), range(40)))
    assert_whole(directory)
    assert len({run.authority.certificate.fingerprint(hashes.SHA256()) for run in runs}) == 1
    assert [run.authority_was for run in runs].count("made") == 1
    assert contents(directory)["tls.crt"] in {run.leaf.certificate_pem() for run in runs}


def test_a_reader_sees_whole_files_at_any_moment(directory: Path, now: datetime) -> None:
    issue(directory, ["localhost"], now)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [issue(directory, ["localhost"], now) for _ in range(50)])
        reads = 0
        while not writing.done() or reads == 0:
            parse_certificate((directory / "tls.crt").read_bytes())
            parse_key((directory / "tls.key").read_bytes())
            reads += 1
        assert len(writing.result()) == 50
