"""The serving certificate: two files read as one pair, checked before it is used, swapped while serving.

The context that the listener holds never has a certificate of its own: each handshake is handed the newest good pair by
the SNI callback. A pair that does not match, loaded into a live context, would leave that context unable to serve any
handshake (Python 3.11 to 3.13); here it never gets there, and the last good pair goes on.
"""

import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from webhook.server.files import Followed, read

__all__ = ["Files", "Pair", "PairError", "ServingPair", "load"]

SPENT = 0.1
"""The part of a certificate's life before its end in which it is about to expire."""

SPENT_AT_MOST = timedelta(hours=1)
"""How early that is at most: to be unready for the last 9 of 90 days would be the outage that it warns of."""

# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else anyway.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_SIZE_LIMIT = 1024 * 1024  # bytes; a long chain has a few KiB, and nothing larger is worth reading
_NAMES_SHOWN = 5
_HANDSHAKE_FLIGHTS = 10  # more than any handshake has


class PairError(ValueError):
    """The certificate and the key cannot be served. Its text is one line: which file, and what is wrong with it."""


@dataclass(frozen=True)
class Files:
    """Where the pair is: `certificate` (PEM, the leaf first) and `key` (PEM, unencrypted).

    `names` are what callers connect to: the certificate must be for each of them. With `client_ca` (PEM), only callers
    with a certificate of one of these CAs are served.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...] = ()
    client_ca: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.certificate, self.key, *([self.client_ca] if self.client_ca else []))


@dataclass(frozen=True)
class Pair:
    """A certificate and its key that were found to match, in a context that serves them."""

    context: ssl.SSLContext
    not_before: datetime
    not_after: datetime

    def expires_soon(self, now: datetime) -> bool:
        """Whether so little of its life is left at `now` that callers had better go elsewhere."""
        return self.not_after - now <= min((self.not_after - self.not_before) * SPENT, SPENT_AT_MOST)


def load(files: Files, now: datetime) -> Pair:
    """Read, check and load the pair; `now` has a zone.

    Raises PairError where a file cannot be read, is no PEM, does not match the other or changes while it is read, and
    where no caller would accept the certificate: for its dates, its names, its use, or a chain with a gap.
    """
    content = [_read(path) for path in files.paths()]
    chain = _parse_chain(files.certificate, content[0])
    if _public_bytes(chain[0]) != _public_bytes(_parse_key(files.key, content[1])):
        raise PairError(f"{files.key} is not the key of {files.certificate}")
    for problem in (*_dates(chain, now), *_gaps(chain), *_uses(chain[0]), *_missing(chain[0], files.names)):
        raise PairError(f"{files.certificate}: {problem}")
    context = _loaded(files.certificate, *content[:2])
    if files.client_ca:
        _trust(context, files.client_ca, content[2])
    if [_read(path) for path in files.paths()] != content:
        raise PairError(f"{' or '.join(map(str, files.paths()))} was written while it was read")
    return Pair(context, chain[0].not_valid_before_utc, chain[0].not_valid_after_utc)


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

    def __init__(self, files: Files) -> None:
        self._followed = Followed(files.paths(), lambda: load(files, datetime.now(UTC)), PairError)
        self.context = new_context()
        self.context.sni_callback = self._hand_over
        if files.client_ca:  # a handshake takes its CAs from the context that it is handed, but this from the first
            self.context.verify_mode = ssl.CERT_REQUIRED

    @property
    def pair(self) -> Pair:
        """The pair in use."""
        return self._followed.current

    def hindrance(self, now: datetime) -> str | None:
        """Why callers had better go elsewhere at `now`; None where they need not."""
        if self.pair.not_after <= now:
            return "the certificate has expired"
        return "the certificate is about to expire" if self.pair.expires_soon(now) else None

    def read_again(self) -> None:
        """Read the files soon, whether or not they seem to have changed."""
        self._followed.read_again()

    async def follow(self, told: Callable[[Exception | None], None]) -> None:
        """Take over what is written to the files, for ever. `told` gets None for a new pair, else what is wrong."""
        await self._followed.follow(told)

    def _hand_over(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        """Give a handshake the pair in use, whatever name was asked for: also none."""
        del name, context
        connection.context = self.pair.context


def _read(path: Path) -> bytes:
    try:
        return read(path, _SIZE_LIMIT)
    except OSError as error:
        raise PairError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _parse_chain(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
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


# What callers would have against a certificate.


def _dates(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """A root that stands at the end is nobody's to check: callers go by their own."""
    for number, each in enumerate(chain):
        who = "its issuer " if number else ""
        if number and each.subject == each.issuer:
            continue
        if each.not_valid_after_utc <= now:
            yield f"{who}expired on {each.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
        if each.not_valid_before_utc > now:
            begins = f"{each.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC"
            yield f"{who}is not valid before {begins}; is the clock of this machine right?"


def _gaps(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for number, (one, issuer) in enumerate(pairwise(chain), start=1):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            yield f"certificate {number + 1} in it did not issue certificate {number}"


def _uses(leaf: x509.Certificate) -> Iterator[str]:
    """What Go's client refuses, which is what API servers are made of."""
    if isinstance(leaf.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        yield "is signed with SHA-1 or MD5, which the API server does not accept"
    try:
        uses = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    if not uses & {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        yield "is not a server's certificate (its extendedKeyUsage lacks serverAuth)"


def _missing(leaf: x509.Certificate, wanted: Sequence[str]) -> Iterator[str]:
    there = _names(leaf)
    if not there:
        yield "is for no name: it has no subjectAltName, and the API server does not look at the common name"
    for name in wanted:
        if name.lower() not in there and "*." + name.lower().partition(".")[2] not in there:
            shown = ", ".join(there[:_NAMES_SHOWN]) + (", …" if len(there) > _NAMES_SHOWN else "")
            yield f"is for {shown}, not for {name}"


def _names(leaf: x509.Certificate) -> list[str]:
    """The DNS names and addresses that it is for."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    texts = (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
    return [text.lower() for text in texts]


# What OpenSSL has against it.


def _loaded(path: Path, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """A context with the pair that was read, the certificate from `path`, by which a handshake was seen to succeed."""
    context = new_context()
    try:
        with _as_file(certificate) as certificate_file, _as_file(key) as key_file:
            context.load_cert_chain(certificate_file, key_file, password=_no_password)
        _shake_hands(context)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise PairError(f"{path}: OpenSSL refuses it: {_one_line(error)}") from None
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """The name of a file with `content`, since OpenSSL loads a pair from nothing else.

    It is in memory and has no other name, so that a key is written nowhere; and what OpenSSL opens is what was checked,
    whatever has taken the place of the files since.
    """
    with _unnamed_file() as file:
        file.write(content)
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _unnamed_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("pair", os.MFD_CLOEXEC), "w+b", buffering=0)  # noqa: PTH123  # it has no path
    return TemporaryFile(buffering=0)


def _shake_hands(context: ssl.SSLContext) -> None:
    """One handshake in memory: a key that loads may still be of a kind that none of our ciphers can use."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = trusting.wrap_bio(client_in, client_out)
    server = context.wrap_bio(server_in, server_out, server_side=True)
    waiting = {client: (client_out, server_in), server: (server_out, client_in)}
    for _ in range(_HANDSHAKE_FLIGHTS):
        for side, (out, into) in list(waiting.items()):
            try:
                side.do_handshake()
                del waiting[side]
            except ssl.SSLWantReadError:
                pass
            into.write(out.read())
    if waiting:
        raise ssl.SSLError("the handshake does not end")


def _trust(context: ssl.SSLContext, path: Path, pem: bytes) -> None:
    """Have `context` ask each caller for a certificate of one of the CAs in `pem`, which was read from `path`."""
    _parse_chain(path, pem)
    context.load_verify_locations(cadata=pem.decode("ascii", "ignore"))
    context.verify_mode = ssl.CERT_REQUIRED


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal."""
    return ""


def _one_line(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason).replace("_", " ").lower()
