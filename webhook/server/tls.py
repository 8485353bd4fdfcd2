"""The serving certificate: two files read as one pair, checked before it is used, swapped while serving.

The context that the listener holds never has a certificate of its own: each handshake is handed the newest good pair by
the SNI callback. A pair that does not match, loaded into a live context, would leave that context unable to serve any
handshake (Python 3.11 to 3.13); here it never gets there, and the last good pair goes on.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["Pair", "PairError", "ServingPair", "load"]

POLL_SECONDS = 5.0
"""How often the files are looked at: a `stat` each, which works for every way in which a Secret reaches a file."""

# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else anyway.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_SIZE_LIMIT = 1024 * 1024  # bytes; a long chain has a few KiB, and nothing larger is worth reading


class PairError(ValueError):
    """The certificate and the key cannot be served. Its text is one line: which file, and what is wrong with it."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key that were found to match, in a context that serves them."""

    context: ssl.SSLContext
    not_after: datetime


def load(certificate: Path, key: Path, now: datetime) -> Pair:
    """Read, check and load `certificate` (PEM, the leaf first) and `key` (PEM, unencrypted); `now` has a zone.

    Raises PairError where a file cannot be read, is no PEM, does not match the other, changes while it is read, or
    where the certificate is not valid at `now`.
    """
    before = _read(certificate), _read(key)
    leaf = _parse_certificate(certificate, before[0])
    if _public_bytes(leaf) != _public_bytes(_parse_key(key, before[1])):
        raise PairError(f"{key} is not the key of {certificate}")
    _check_dates(certificate, leaf, now)
    context = new_context()
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise PairError(f"{certificate}: OpenSSL refuses it: {_one_line(error)}") from None
    if (_read(certificate), _read(key)) != before:
        raise PairError(f"{certificate} or {key} was written while it was read")
    return Pair(context, leaf.not_valid_after_utc)


def new_context() -> ssl.SSLContext:
    """A server's context without a certificate: TLS 1.2 at least, HTTP/1.1 only.

    No session tickets: Go's client keeps none for webhooks, so making two for each handshake is work for nobody.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


class ServingPair:
    """The pair in use, and `context`, by which every new connection gets it. Raises PairError like `load`."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._seen = self._look()
        self.pair = load(certificate, key, datetime.now(UTC))
        self.context = new_context()
        self.context.sni_callback = self._hand_over

    def has_expired(self) -> bool:
        """Whether the certificate in use is past its end, so that no caller accepts it any more."""
        return self.pair.not_after <= datetime.now(UTC)

    async def follow(self, told: Callable[[PairError | None], None]) -> None:
        """Take over what is written to the files, for ever. `told` gets None for a new pair, else why it is not used.

        A bad pair is tried again at each look, since the second file may be on its way, and told about once.
        """
        failed: str | None = None
        while True:
            await asyncio.sleep(POLL_SECONDS)
            seen = self._look()
            if seen == self._seen and failed is None:
                continue
            self._seen = seen
            try:
                self.pair = load(*self._files, datetime.now(UTC))
            except PairError as error:
                if str(error) != failed:
                    told(error)
                failed = str(error)
            else:
                told(None)
                failed = None

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Give a handshake the pair in use, whatever name was asked for: also none."""
        del name, context
        connection.context = self.pair.context

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes when a file is written, renamed over, or the link on the way to it is swapped."""
        return tuple(_mark(path) for path in self._files)


def _mark(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_SIZE_LIMIT + 1)
    except OSError as error:
        raise PairError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(content) > _SIZE_LIMIT:
        raise PairError(f"{path}: far too large for a certificate or a key")
    return content


def _parse_certificate(path: Path, pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise PairError(f"{path}: holds no certificate in PEM form, or a damaged one") from None


def _parse_key(path: Path, pem: bytes) -> PrivateKeyTypes:
    """The key in `pem`. What the parser says is dropped: nothing that was read from a key file may reach a log."""
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise PairError(f"{path}: is encrypted, and nobody is there to type the password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise PairError(f"{path}: holds no private key in PEM form, or a damaged one") from None


def _public_bytes(holder: x509.Certificate | PrivateKeyTypes) -> bytes:
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _check_dates(path: Path, leaf: x509.Certificate, now: datetime) -> None:
    if leaf.not_valid_after_utc <= now:
        raise PairError(f"{path}: expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")
    if leaf.not_valid_before_utc > now:
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC"
        raise PairError(f"{path}: is not valid before {begins}; is the clock of this machine right?")


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal."""
    return ""


def _one_line(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason).replace("_", " ").lower()
