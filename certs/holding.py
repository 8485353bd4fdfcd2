"""What a Secret holds, as far as it is whole: what is damaged counts as missing."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from certs.authority import (
    Authority,
    BadCertificateError,
    Certificate,
    Key,
    is_issued_by,
    names_of,
    parse_key,
    parse_names,
)

__all__ = [
    "CA_CERTIFICATE",
    "CA_KEY",
    "TLS_CERTIFICATE",
    "TLS_KEY",
    "Holding",
    "Leaf",
    "certificates_of",
    "distinct",
    "has_names",
    "holding_of",
    "identity",
    "is_current",
    "key_of",
    "pem_of",
    "unexpired",
    "verifies",
]

CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
TLS_CERTIFICATE, TLS_KEY = "tls.crt", "tls.key"

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MOST_CERTIFICATES = 32  # that are read from one place; ours has 3 at the very most

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class Leaf:
    """The serving certificate of a Secret, whoever made it: the chain of `tls.crt`, whose first has `tls.key`."""

    chain: tuple[Certificate, ...]

    @property
    def certificate(self) -> Certificate:
        """The certificate that is served, without those that signed it."""
        return self.chain[0]


@dataclass(frozen=True)
class Holding:
    """A Secret as it is understood: what of it is whole."""

    key: Key | None
    signer: Authority | None
    others: tuple[Certificate, ...]
    leaf: Leaf | None


def holding_of(secret: Mapping[str, bytes], now: datetime) -> Holding:
    """Return what of a Secret's data is whole; what is damaged counts as missing, and expired CAs as well."""
    key = key_of(secret)
    certificates = certificates_of(secret.get(CA_CERTIFICATE, b""))
    signer = None if key is None else _authority_of(key, certificates)
    own = None if signer is None else identity(signer.certificate)
    others = [each for each in unexpired(certificates, now) if identity(each) != own]
    leaf = _leaf(secret.get(TLS_CERTIFICATE, b""), secret.get(TLS_KEY, b""))
    return Holding(key, signer, distinct(others), leaf)


def key_of(secret: Mapping[str, bytes]) -> Key | None:
    """Return the CA's key of a Secret's data; None where there is none, or a damaged one."""
    return _parsed(parse_key, secret.get(CA_KEY, b""))


def _authority_of(key: Key, certificates: Iterable[Certificate]) -> Authority | None:
    """Return the CA of `key`: of several certificates the one that ends last."""
    found = [ca for each in certificates if (ca := _parsed(lambda each=each: Authority(each, key)))]
    return max(found, key=lambda ca: ca.expires, default=None)


def _leaf(certificate: bytes, key: bytes) -> Leaf | None:
    """Return the serving certificate if `key` is its key. Both may be of any kind: cert-manager's may be RSA."""
    chain = tuple(certificates_of(certificate))
    if not chain:
        return None
    try:
        private = serialization.load_pem_private_key(key, password=None)
        matches = _spki(private.public_key()) == _spki(chain[0].public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return Leaf(chain) if matches else None


def certificates_of(pem: bytes) -> list[Certificate]:
    """Return the certificates of `pem` that can be read, each read by itself, so that a damaged one spoils none."""
    blocks = _BLOCK.findall(pem)[:_MOST_CERTIFICATES]
    return [each for block in blocks if (each := _parsed(x509.load_pem_x509_certificate, block)) and _is_readable(each)]


def _is_readable(certificate: Certificate) -> bool:
    """Say whether key and dates of a certificate can be read; the parser looks at each only when it is asked for."""
    return _parsed(lambda: (identity(certificate), certificate.not_valid_after_utc)) is not None


def _parsed(parse: Callable[..., _Parsed], *arguments: bytes) -> _Parsed | None:
    try:
        return parse(*arguments)
    except (BadCertificateError, ValueError, UnsupportedAlgorithm):
        return None


def unexpired(certificates: Iterable[Certificate], now: datetime) -> list[Certificate]:
    """Return those of `certificates` that have not ended at `now`; they need not have begun."""
    return [each for each in certificates if now < each.not_valid_after_utc]


def distinct(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Return one certificate for each CA, the one that ends last, in the order in which they were found."""
    latest: dict[bytes, Certificate] = {}
    for each in certificates:
        name = identity(each)
        if name not in latest or latest[name].not_valid_after_utc < each.not_valid_after_utc:
            latest[name] = each
    return tuple(latest.values())


def identity(certificate: Certificate) -> bytes:
    """Return what a verifier knows a CA by: its name and its key, which a renewal keeps."""
    return certificate.subject.public_bytes() + _spki(certificate.public_key())


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_current(certificate: Certificate, now: datetime) -> bool:
    """Say whether `now` is between the dates of `certificate`."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def has_names(certificate: Certificate, names: Iterable[str]) -> bool:
    """Say whether `certificate` is for all `names`, DNS names or addresses. Raises `BadNameError` for a bad name."""
    return {str(name.value) for name in parse_names(names)} <= set(names_of(certificate))


def verifies(bundle: bytes, leaf: Leaf, now: datetime) -> bool:
    """Say whether a CA in `bundle` (PEM) that is valid at `now` signed any certificate of the chain of `leaf`."""
    roots = [each for each in certificates_of(bundle) if is_current(each, now)]
    return any(is_issued_by(each, root) for each in leaf.chain for root in roots)


def pem_of(*certificates: Certificate) -> bytes:
    """Return `certificates` as PEM, one after the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
