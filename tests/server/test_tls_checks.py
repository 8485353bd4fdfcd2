"""Certificates that no API server would accept are refused before they are served, each with what is wrong."""

import ssl
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.server import files as followed
from webhook.server import tls
from webhook.server.tls import Files, PairError, load

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NAMES = ["loghook", "loghook.loghook.svc"]


@dataclass
class Issued:
    """A certificate and its key, made without the checks that `certs` would make; self-signed unless `by` another."""

    by: "Issued | None" = None
    _: KW_ONLY
    names: list[str] | None = None
    use: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH
    life: tuple[timedelta, timedelta] = (-DAY, DAY)
    subject: str = "test"
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.subject)])
        issuer = self.by or self
        builder = (
            x509.CertificateBuilder(issuer.name, self.name, self.key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW + self.life[0])
            .not_valid_after(NOW + self.life[1])
            .add_extension(x509.BasicConstraints(ca=self.names is None, path_length=None), critical=True)
        )
        if self.names:
            names = x509.SubjectAlternativeName(map(x509.DNSName, self.names))
            builder = builder.add_extension(names, critical=False)
        if self.use:
            builder = builder.add_extension(x509.ExtendedKeyUsage([self.use]), critical=False)
        algorithm = None if isinstance(issuer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        self.certificate = builder.sign(issuer.key, algorithm)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        pem: bytes = self.key.private_bytes(*formats, serialization.NoEncryption())
        return pem


Check = Callable[..., str]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """What `load` has against a chain of certificates, the leaf's key beside it; empty where it loads them."""

    def checked(*chain: Issued, names: tuple[str, ...] = ()) -> str:
        files = Files(tmp_path / "tls.crt", tmp_path / "tls.key", names)
        files.certificate.write_bytes(b"".join(each.pem() for each in chain))
        files.key.write_bytes(chain[0].key_pem())
        try:
            load(files, NOW)
        except PairError as error:
            return str(error).removeprefix(f"{files.certificate}: ")
        return ""

    return checked


ROOT = Issued(subject="root", use=None)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda: ec.generate_private_key(ec.SECP256R1()), id="P-256"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(lambda: rsa.generate_private_key(65537, 2048), id="RSA"),
        pytest.param(ed25519.Ed25519PrivateKey.generate, id="Ed25519"),
    ],
)
def test_every_usual_kind_of_key_is_served(check: Check, key: Callable[[], Any]) -> None:
    assert check(Issued(ROOT, names=NAMES, key=key()), names=("loghook.loghook.svc",)) == ""


def test_a_key_that_is_too_weak_is_refused(check: Check) -> None:
    weak = Issued(names=NAMES, key=rsa.generate_private_key(65537, 1024))  # noqa: S505  # that is the point
    assert check(weak).startswith("OpenSSL refuses it: ")


def test_a_pair_by_which_no_handshake_succeeds_is_refused(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_CIPHERS", "ECDHE-RSA-AES128-GCM-SHA256")

    def only_1_2() -> Any:
        context = make()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    make = tls.new_context
    monkeypatch.setattr(tls, "new_context", only_1_2)
    assert check(Issued(names=NAMES)) == "OpenSSL refuses it: no shared cipher"


def test_a_whole_chain_is_served(check: Check) -> None:
    middle = Issued(ROOT, subject="middle", use=None)
    leaf = Issued(middle, names=NAMES)
    assert check(leaf, middle) == ""
    assert check(leaf, middle, ROOT) == ""


def test_a_chain_with_a_gap_is_refused(check: Check) -> None:
    middle, other = (Issued(ROOT, subject="middle", use=None) for _ in range(2))
    leaf = Issued(middle, names=NAMES)
    assert check(leaf, other) == "certificate 2 in it did not issue certificate 1"
    assert check(leaf, ROOT) == "certificate 2 in it did not issue certificate 1"
    assert check(leaf, middle, other) == "certificate 3 in it did not issue certificate 2"


def test_an_issuer_that_has_expired_is_refused_and_a_root_is_not(check: Check) -> None:
    old = (-3 * DAY, -DAY)
    middle = Issued(ROOT, subject="middle", use=None, life=old)
    assert check(Issued(middle, names=NAMES), middle).startswith("its issuer expired on ")
    root = Issued(subject="root", use=None, life=old)
    assert check(Issued(root, names=NAMES), root) == ""


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (None, ""),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ""),
        (
            ExtendedKeyUsageOID.CLIENT_AUTH,
            "is not a server's certificate (its extendedKeyUsage lacks serverAuth)",
        ),
    ],
)
def test_a_certificate_for_another_use_is_refused(check: Check, use: Any, said: str) -> None:
    assert check(Issued(ROOT, names=NAMES, use=use)) == said


def test_a_common_name_alone_is_refused(check: Check) -> None:
    leaf = Issued(subject="loghook.loghook.svc")
    assert check(leaf).startswith("is for no name: it has no subjectAltName")


@pytest.mark.parametrize(
    ("names", "wanted", "said"),
    [
        (NAMES, ("loghook", "loghook.loghook.svc"), ""),
        (NAMES, ("LOGHOOK.loghook.svc",), ""),
        (["*.loghook.svc"], ("loghook.loghook.svc",), ""),
        (["*.svc"], ("loghook.loghook.svc",), "is for *.svc, not for loghook.loghook.svc"),
        (NAMES, ("other.loghook.svc",), "is for loghook, loghook.loghook.svc, not for other.loghook.svc"),
        ([f"n{i}" for i in range(9)], ("x",), "is for n0, n1, n2, n3, n4, …, not for x"),
    ],
)
def test_a_name_that_is_wanted_must_be_there(
    check: Check, names: list[str], wanted: tuple[str, ...], said: str
) -> None:
    assert check(Issued(ROOT, names=names), names=wanted) == said


def test_a_file_that_breaks_the_reader_itself_ends_no_server(tmp_path: Path) -> None:
    """A parser may raise what nobody thought of, and its text may have the key in it."""

    def read() -> bytes:
        content = file.read_bytes()
        if content == b"CANARY":
            raise KeyError(content)
        return content

    file = tmp_path / "file"
    file.write_bytes(b"good")
    one = followed.Followed([file], read, PairError)
    file.write_bytes(b"CANARY")
    problem = one._reload()  # noqa: SLF001  # what `follow` does with a changed file
    assert (type(problem), str(problem)) == (PairError, "cannot be read: KeyError")
    assert one.current == b"good"
