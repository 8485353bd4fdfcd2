"""The four files `ca.crt ca.key tls.crt tls.key` of one directory, made and renewed without harming anybody else's.

The names are those of a Kubernetes TLS Secret, so `loghook serve` reads a directory and a mounted Secret alike.
`tls.crt` holds the serving certificate alone: clients have the CA from `ca.crt`, and a copy beside the leaf would grow
old there.

**Whose files.** All four are looked at before any is written. A file is ours when it says so by itself: the CA is one
that `authority` makes (`ca.key` proves it), `tls.crt` is signed by that CA, and `tls.key` is the key of `tls.crt`.
Anything else under these names (also a symbolic link, as in a mounted Secret) is left alone; `RefusedError` says so.

**At any moment.** A key's file has mode 0600 from its creation. A file is written beside its place, flushed to disk and
renamed, so a reader sees the old one or the new one, whole. Certificate and key are two renames: a server that reloads
between them sees a pair that does not match, and keeps its old one until it does. A run that is killed between them has
left the certificate beside its place, and the next run puts it there. Runs in one directory wait for each other.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from certs.authority import (
    AUTHORITY_LIFE,
    LEAF_LIFE,
    Authority,
    BadCertificateError,
    Certificate,
    Key,
    Pair,
    is_issued_by,
    issue_leaf,
    new_authority,
    parse_certificate,
    parse_key,
    parse_names,
    renew_authority,
    renewal_time,
)

__all__ = ["CA_CERTIFICATE", "CA_KEY", "TLS_CERTIFICATE", "TLS_KEY", "Issued", "RefusedError", "issue", "shown"]

CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
TLS_CERTIFICATE, TLS_KEY = "tls.crt", "tls.key"

_CERTIFICATE_MODE = 0o644
_KEY_MODE = 0o600
_SIZE_LIMIT = 64 * 1024  # bytes; ours have less than 1 KiB, and nothing else is worth reading whole

_Parsed = TypeVar("_Parsed")


class RefusedError(Exception):
    """A file stands where ours would go, and it is not ours. Its text is one line: which file, why, what to do."""


@dataclass(frozen=True)
class Issued:
    """What one run did: the CA and the serving certificate as they now are in `directory`.

    `authority_was` says whether the CA was made, kept, or renewed on its key; `narrowed` whether `ca.key` was open to
    others and was set to mode 0600.
    """

    directory: Path
    authority: Authority
    leaf: Pair
    authority_was: Literal["made", "kept", "renewed"]
    narrowed: bool


def issue(directory: Path, names: Iterable[str], now: datetime, life: timedelta = LEAF_LIFE) -> Issued:
    """Write a new serving certificate for `names` and its key to `directory`, and a CA where there is none yet.

    A CA that is there is kept, and renewed on its key where two thirds of its life are over or it would end before the
    serving certificate. `directory` is made with its parents. Raises `BadNameError` before anything is touched,
    `RefusedError` before any file is changed, and `OSError` for what the file system does not allow.
    """
    names = tuple(names)
    parse_names(names)
    _make(directory)
    with _locked(directory):
        for certificate, key in ((CA_CERTIFICATE, CA_KEY), (TLS_CERTIFICATE, TLS_KEY)):
            _finish(directory / certificate, directory / key)
        found = _authority(directory, now)
        _refuse_foreign_leaf(directory, found)
        authority = _lasting(found, now, life)
        leaf = issue_leaf(authority, names, now, life)
        narrowed = found is not None and _narrow(directory / CA_KEY)
        if authority is not found:
            _store(directory / CA_CERTIFICATE, directory / CA_KEY, authority, with_key=found is None)
        _store(directory / TLS_CERTIFICATE, directory / TLS_KEY, leaf, with_key=True)
    was: Literal["made", "kept", "renewed"]
    was = "made" if found is None else "kept" if authority is found else "renewed"
    return Issued(directory, authority, leaf, was, narrowed)


def _lasting(found: Authority | None, now: datetime, life: timedelta) -> Authority:
    """Return a CA that outlives a leaf issued now: the one that was found wherever that is possible."""
    if found is None:
        return new_authority(now, max(AUTHORITY_LIFE, life))
    if renewal_time(found.certificate) <= now or found.expires < now + life:
        return renew_authority(found, now, max(AUTHORITY_LIFE, life))
    return found


# Whose files


def _authority(directory: Path, now: datetime) -> Authority | None:
    """Return the CA of `directory`, or None where neither of its files exists."""
    certificate_path, key_path = directory / CA_CERTIFICATE, directory / CA_KEY
    certificate = _parsed(certificate_path, parse_certificate)
    key = _parsed(key_path, parse_key)
    if certificate is None and key is None:
        return None
    if certificate is None:
        raise _refused(key_path, f"is there without {CA_CERTIFICATE}, so it is not known whose key it is")
    if key is None:
        raise _refused(certificate_path, f"is there without {CA_KEY}, and without the key nothing can be signed")
    _refuse_strangers(certificate_path, certificate, key_path, key)
    try:
        authority = Authority(certificate, key)
    except BadCertificateError as error:
        raise _refused(certificate_path, str(error)) from None
    if certificate.not_valid_before_utc > now:
        start = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise _refused(certificate_path, f"is not valid before {start}, so it or this machine's clock is wrong")
    return authority


def _refuse_foreign_leaf(directory: Path, authority: Authority | None) -> None:
    """Raise `RefusedError` where `tls.crt` or `tls.key` is there and is not the leaf, or its key, of this CA."""
    certificate_path, key_path = directory / TLS_CERTIFICATE, directory / TLS_KEY
    certificate = _parsed(certificate_path, parse_certificate)
    key = _parsed(key_path, parse_key)
    if authority is None and certificate is not None:
        raise _refused(certificate_path, f"is there without {CA_CERTIFICATE}, so it is not known whose it is")
    if authority and certificate and not is_issued_by(certificate, authority.certificate):
        raise _refused(certificate_path, f"is not signed by the CA of {CA_CERTIFICATE}")
    if key is None:
        return  # a leaf of ours that has lost its key: there is nothing to lose any more
    if certificate is None:
        raise _refused(key_path, f"is there without {TLS_CERTIFICATE}, so it is not known whose key it is")
    _refuse_strangers(certificate_path, certificate, key_path, key)


def _refuse_strangers(certificate_path: Path, certificate: Certificate, key_path: Path, key: Key) -> None:
    try:
        Pair(certificate, key)
    except BadCertificateError:
        raise _refused(key_path, f"is not the key of {certificate_path.name}") from None


def _parsed(path: Path, parse: Callable[[bytes], _Parsed]) -> _Parsed | None:
    """Return what is in the file, or None where there is no file."""
    content = _read(path)
    if content is None:
        return None
    try:
        return parse(content)
    except BadCertificateError as error:
        raise _refused(path, str(error)) from None


def _read(path: Path) -> bytes | None:
    try:
        handle = _opened(path)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        content = file.read(_SIZE_LIMIT + 1)
    if len(content) > _SIZE_LIMIT:
        raise _refused(path, "is far too large for a certificate or key")
    return content


def _opened(path: Path) -> int:
    """Open what is at `path` for reading; a link is not followed, and a pipe keeps nobody waiting."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise _refused(path, "is a symbolic link")
    if not stat.S_ISREG(mode):
        raise _refused(path, "is not a regular file")
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _refused(path: Path, why: str) -> RefusedError:
    return RefusedError(f"{shown(path)} {why}; move it away or choose another directory (no file was changed)")


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as one printable line: as it is, or quoted with escapes where it holds anything else."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


# How they are written


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "is not a directory", str(directory)) from None


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep every other run out of `directory`; the lock is on the directory itself and leaves nothing behind."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _store(certificate: Path, key: Path, pair: Pair, *, with_key: bool) -> None:
    """Put `pair` in its place: both files beside it first, then the key, then the certificate, as `_finish` expects."""
    try:
        if with_key:
            _write(_beside(key), pair.key_pem(), _KEY_MODE)
        _write(_beside(certificate), pair.certificate_pem(), _CERTIFICATE_MODE)
        _flush(certificate.parent)
        if with_key:
            _beside(key).replace(key)
        _beside(certificate).replace(certificate)
        _flush(certificate.parent)
    except BaseException:
        _finish(certificate, key)
        raise


def _finish(certificate: Path, key: Path) -> None:
    """Complete what a run began that was killed or failed, or remove it.

    A certificate that waits beside its place while its key has left for its own is the second half of `_store`. Any
    other remainder comes from before the first rename: nothing has been changed yet, and nothing is lost with it.
    """
    try:
        waiting, placed = _parsed(_beside(certificate), parse_certificate), _parsed(certificate, parse_certificate)
        placed_key = None if _beside(key).exists() else _parsed(key, parse_key)
        if waiting and placed_key and (placed is None or placed.issuer == waiting.issuer):
            Pair(waiting, placed_key)
            _beside(certificate).replace(certificate)
            _flush(certificate.parent)
    except (BadCertificateError, RefusedError):
        pass  # not the second half of anything
    _beside(certificate).unlink(missing_ok=True)
    _beside(key).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".loghook-{path.name}.new")


def _write(path: Path, content: bytes, mode: int) -> None:
    """Create the file with its final mode, so that no other user can ever open it, and bring it to the disk."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk does not say where


def _flush(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _narrow(key: Path) -> bool:
    """Take a key away from everyone but its owner, and say whether that was needed."""
    with os.fdopen(_opened(key), "rb") as file:
        wide = os.fstat(file.fileno()).st_mode & 0o077
        if wide:
            os.fchmod(file.fileno(), _KEY_MODE)
    return bool(wide)
