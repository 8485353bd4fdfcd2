"""The CA and the serving certificates that it signs: pure, with the time as an argument.

What every certificate here has, since the API server (Go) and Python's `ssl` under `VERIFY_X509_STRICT` ask for it: an
ECDSA P-256 key, a SHA-256 signature, critical `basicConstraints` and `keyUsage`, subject and authority key identifiers,
a random serial number, names in the SAN only, and a start one hour back for clocks that run late (RFC 5280, RFC 6125).

A CA is renewed on the same key and under the same subject. So a serving certificate from before the renewal is trusted
by those who have the renewed CA, and one from after it by those who still have the old CA.

The only randomness is that of the keys and serial numbers that `cryptography` makes. Keys show in no `repr`.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "AUTHORITY_LIFE",
    "BACKDATE",
    "LEAF_LIFE",
    "Authority",
    "BadCertificateError",
    "BadNameError",
    "Certificate",
    "Key",
    "Name",
    "Pair",
    "is_issued_by",
    "issue_leaf",
    "names_of",
    "new_authority",
    "parse_certificate",
    "parse_key",
    "parse_names",
    "renew_authority",
    "renewal_time",
    "restore_authority",
]

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
BACKDATE = timedelta(hours=1)

Certificate: TypeAlias = x509.Certificate
Key: TypeAlias = ec.EllipticCurvePrivateKey
Name: TypeAlias = x509.DNSName | x509.IPAddress

_LEAF_SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loghook server")])
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_LIMIT = 253  # characters without the final dot (RFC 1035, 2.3.4)
_SHOWN = 64  # characters of a bad name that a message shows


class BadNameError(ValueError):
    """A name that no certificate should carry. Its text is one line: the name, what is wrong, what to write."""


class BadCertificateError(ValueError):
    """A certificate or key that cannot be used. Its text says why, as the end of a sentence that names the file."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key (ECDSA P-256): the key is always the one that the certificate is for.

    Raises `BadCertificateError` for a key of another certificate. Pairs are equal when their certificates are.
    """

    certificate: Certificate
    key: Key = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if _spki(self.key.public_key()) != _spki(_public_key(self.certificate)):
            raise BadCertificateError("is not the key of the certificate beside it")

    @property
    def expires(self) -> datetime:
        """The last moment of the certificate's life, in UTC."""
        return self.certificate.not_valid_after_utc

    def certificate_pem(self) -> bytes:
        """Return the one certificate as PEM. No CA follows a leaf: clients have it, and a renewed one replaces it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """Return the key as unencrypted PKCS #8 PEM, which Go, OpenSSL and Python read alike."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Authority(Pair):
    """A CA that loghook made: self-signed, allowed to sign certificates, under the name that its key gives it.

    Raises `BadCertificateError` for anything else, so that no other CA is ever renewed or signed with.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _may_sign(self.certificate):
            raise BadCertificateError("is not a CA certificate")
        if self.certificate.subject != _subject(self.key) or not is_issued_by(self.certificate, self.certificate):
            raise BadCertificateError("is not a CA that loghook made")


def new_authority(now: datetime, life: timedelta = AUTHORITY_LIFE) -> Authority:
    """Return a CA with a new key, valid for `life` from `now` (any zone, never naive)."""
    return _self_signed(ec.generate_private_key(ec.SECP256R1()), now, life)


def renew_authority(authority: Authority, now: datetime, life: timedelta = AUTHORITY_LIFE) -> Authority:
    """Return the same CA, its key and subject unchanged, with a certificate valid for `life` from `now`.

    What the old certificate signed verifies against the new one, and the other way round. An expired CA can be renewed.
    """
    return restore_authority(authority.key, now, life)


def restore_authority(key: Key, now: datetime, life: timedelta = AUTHORITY_LIFE) -> Authority:
    """Return the CA of a key whose certificate is lost: what it signed before verifies against the new certificate."""
    return _self_signed(key, now, life)


def issue_leaf(authority: Authority, names: Iterable[str], now: datetime, life: timedelta = LEAF_LIFE) -> Pair:
    """Return a serving certificate with a new key for `names`, valid for `life` from `now` or until the CA ends.

    `names` are host names and addresses as `parse_names` takes them. Raises `BadNameError`, and `ValueError` where the
    CA is not valid at `now`: nothing that it signs could be verified.
    """
    now = _whole_second(now)
    ca = authority.certificate
    if not ca.not_valid_before_utc <= now < ca.not_valid_after_utc:
        raise ValueError(f"the CA is not valid at {now:%Y-%m-%d %H:%M:%S} UTC, so it cannot sign")
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(_end(now, life), ca.not_valid_after_utc)
    builder = _builder(_LEAF_SUBJECT, key, authority.key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(parse_names(names)), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def renewal_time(certificate: Certificate) -> datetime:
    """Return when a certificate made here is to be renewed: two thirds through its life, the backdate not counted."""
    made = min(certificate.not_valid_before_utc + BACKDATE, certificate.not_valid_after_utc)
    return made + (certificate.not_valid_after_utc - made) * 2 / 3


def is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Say whether `issuer` signed `certificate`, by name and signature. Dates do not matter here."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """Return the DNS names and addresses that a certificate is for, as `parse_names` takes them, in its own order."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    return tuple(str(name.value) for name in san if isinstance(name, x509.DNSName | x509.IPAddress))


def parse_certificate(pem: bytes) -> Certificate:
    """Return the one certificate in `pem`. Raises `BadCertificateError` for none, several, or one that is damaged."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise BadCertificateError("holds no certificate in PEM form, or a damaged one") from None
    if len(certificates) != 1:
        raise BadCertificateError(f"holds {len(certificates)} certificates instead of one")
    return certificates[0]


def parse_key(pem: bytes) -> Key:
    """Return the private key in `pem`. Raises `BadCertificateError` for anything but an unencrypted P-256 key.

    What the parser said is dropped on purpose: nothing that was read from a key file may reach a log.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise BadCertificateError("is encrypted, and loghook's keys are not") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificateError("holds no private key in PEM form, or a damaged one") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadCertificateError("holds a key of another kind than ECDSA P-256")
    return key


def parse_names(texts: Iterable[str]) -> tuple[Name, ...]:
    """Return the names of a serving certificate, in order and each once. Raises `BadNameError` for the first bad one.

    A name is a DNS name as RFC 1123 has it, a wildcard with at least two labels after it (`*.logs.svc`; Go and OpenSSL
    match one label with it, and only the first), or an IPv4 or IPv6 address. Go checks a host that looks like an
    address against the addresses alone, so nothing like `10.0.0` or `1.2.3.04` passes for a DNS name.
    """
    names = tuple(dict.fromkeys(_parse_name(text) for text in texts))
    if not names:
        raise BadNameError("a serving certificate needs at least one name, e.g. localhost")
    return names


def _parse_name(text: str) -> Name:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return x509.DNSName(_dns_name(text))
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise _bad(text, "an address in a certificate has no zone, leave out the part from '%' on")
        if address.ipv4_mapped is not None:
            raise _bad(text, f"write the IPv4 address itself, {address.ipv4_mapped}")
    if address.is_unspecified:
        raise _bad(text, "nobody calls this address, name the one that clients call, e.g. 127.0.0.1")
    return x509.IPAddress(address)


def _dns_name(text: str) -> str:
    if not text.isascii():
        raise _bad(text, "write a name outside ASCII in its encoded form, which starts with xn--")
    if any(sign in text for sign in "/:[]@"):
        raise _bad(text, "name just the host, without scheme, port, brackets or path, e.g. localhost or ::1")
    name = text.lower()
    labels = name.removeprefix("*.").split(".")
    if name.startswith("*") and (len(labels) < 2 or not name.startswith("*.")):  # noqa: PLR2004  # as the text says
        raise _bad(text, "a wildcard is the whole first label and two more follow it, e.g. *.logs.svc")
    if labels[-1].isdigit():
        raise _bad(text, "neither an IPv4 address nor a DNS name, since the last label has digits only")
    if len(name) > _DNS_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(text, "not a DNS name (RFC 1123) and no IP address, write e.g. loghook.logs.svc or 127.0.0.1")
    return name


def _bad(text: str, why: str) -> BadNameError:
    shown = ascii(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "")
    return BadNameError(f"{shown}: {why}")


def _self_signed(key: Key, now: datetime, life: timedelta) -> Authority:
    builder = _builder(_subject(key), key, key, now, _end(now, life))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    key: Key,
    issuer_key: Key,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    """Begin what the CA and the leaf have in common.

    The authority is identified by its key alone: with its serial number too, a renewal would cut off what it signed.
    """
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_subject(issuer_key))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_whole_second(now) - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _subject(key: Key) -> x509.Name:
    """Name a CA after its key and nothing else.

    A new key has a new name, so a verifier that holds two CAs never takes one for the other; and a CA under this name
    was made here, whatever machine or user made it.
    """
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"loghook CA {key_id[:4].hex()}")])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _may_sign(certificate: Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    return constraints.ca and usage.key_cert_sign


def _public_key(certificate: Certificate) -> ec.EllipticCurvePublicKey:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificateError("holds a certificate for a key that cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadCertificateError("holds a certificate for a key of another kind than ECDSA P-256")
    return key


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _end(now: datetime, life: timedelta) -> datetime:
    if life <= timedelta():
        raise ValueError(f"a certificate lives for some time, not for {life}")
    return (_whole_second(now) + life).replace(microsecond=0)


def _whole_second(now: datetime) -> datetime:
    """Drop what X.509 cannot say, which is also what two readers of one clock might disagree about."""
    if now.tzinfo is None:
        raise ValueError("the time must say its zone, e.g. datetime.now(UTC)")
    return now.astimezone(UTC).replace(microsecond=0)
