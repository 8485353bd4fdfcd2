"""Real TLS handshakes over sockets, with a client that checks by RFC 5280's letter (`VERIFY_X509_STRICT`)."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.__main__ import service_names
from certs.authority import Authority, Pair, issue_leaf, new_authority, renew_authority
from certs.files import issue

DAY = timedelta(days=1)


def server_context(directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    return context


def client_context(ca: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@contextlib.contextmanager
def serving(context: ssl.SSLContext, host: str) -> Iterator[int]:
    """Answer each connection to `host` with one byte over TLS, and give the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        listener.bind((host, 0))
        listener.listen()
        listener.settimeout(120)
        thread = threading.Thread(target=_answer, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):  # a client that does not trust us hangs up
            connection.settimeout(120)
            with context.wrap_socket(connection, server_side=True) as secured:
                secured.sendall(b"!")


def call(port: int, address: str, name: str, ca: bytes) -> bytes:
    """Return what the server sends to a client that trusts `ca` and expects `name`."""
    with (
        socket.create_connection((address, port), timeout=120) as plain,
        client_context(ca).wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.recv(1)


def stored(directory: Path, leaf: Pair) -> Path:
    directory.mkdir()
    (directory / "tls.crt").write_bytes(leaf.certificate_pem())
    (directory / "tls.key").write_bytes(leaf.key_pem())
    return directory


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    names = ["localhost", "loghook.logs.svc", "*.hooks.svc", "127.0.0.1", "::1"]
    return issue(tmp_path / "dev", names, datetime.now(UTC)).directory


def test_a_strict_client_trusts_every_name_and_no_other(issued: Path) -> None:
    ca = (issued / "ca.crt").read_bytes()
    with serving(server_context(issued), "127.0.0.1") as port:
        for name in ("localhost", "LOCALHOST", "loghook.logs.svc", "any.hooks.svc", "127.0.0.1", "::1"):
            assert call(port, "127.0.0.1", name, ca) == b"!", name
        for name in ("loghook", "logs.svc", "hooks.svc", "a.b.hooks.svc", "127.0.0.2", "::2", "loghook server"):
            with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
                call(port, "127.0.0.1", name, ca)


def test_a_strict_client_trusts_the_server_over_ipv6(issued: Path) -> None:
    context = server_context(issued)
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine's loopback: {error}")
    with serving(context, "::1") as port:
        assert call(port, "::1", "::1", (issued / "ca.crt").read_bytes()) == b"!"


def test_a_client_with_another_ca_does_not_trust_the_server(issued: Path) -> None:
    stranger = new_authority(datetime.now(UTC)).certificate_pem()
    with (
        serving(server_context(issued), "127.0.0.1") as port,
        pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"),
    ):
        call(port, "127.0.0.1", "localhost", stranger)


def test_clients_of_the_old_and_the_renewed_ca_trust_old_and_new_leaves(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = new_authority(now - DAY)
    renewed = renew_authority(old, now)
    leaves = {"before": issue_leaf(old, ["localhost"], now - DAY), "after": issue_leaf(renewed, ["localhost"], now)}
    for name, leaf in leaves.items():
        with serving(server_context(stored(tmp_path / name, leaf)), "127.0.0.1") as port:
            for ca in (old, renewed):
                assert call(port, "127.0.0.1", "localhost", ca.certificate_pem()) == b"!", name


def test_a_leaf_of_an_expired_ca_is_trusted_again_once_the_ca_is_renewed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    expired = new_authority(now - 10 * DAY, 9 * DAY)
    with pytest.raises(ValueError, match="not valid"):
        issue_leaf(expired, ["localhost"], now)
    renewed: Authority = renew_authority(expired, now)
    leaf = issue_leaf(renewed, ["localhost"], now)
    with serving(server_context(stored(tmp_path / "leaf", leaf)), "127.0.0.1") as port:
        assert call(port, "127.0.0.1", "localhost", renewed.certificate_pem()) == b"!"
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            call(port, "127.0.0.1", "localhost", expired.certificate_pem())


def test_an_expired_and_a_future_leaf_are_not_trusted(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = new_authority(now - 5 * DAY)
    late = issue_leaf(authority, ["localhost"], now - 2 * DAY, DAY)
    early = issue_leaf(authority, ["localhost"], now + DAY)
    for name, leaf, why in (("late", late, "expired"), ("early", early, "not yet valid")):
        with (
            serving(server_context(stored(tmp_path / name, leaf)), "127.0.0.1") as port,
            pytest.raises(ssl.SSLCertVerificationError, match=why),
        ):
            call(port, "127.0.0.1", "localhost", authority.certificate_pem())


def constrained(authority: Authority, *domains: str) -> Authority:
    """The same CA with a certificate that lets it sign for names in `domains` alone."""
    old = authority.certificate
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
    builder = builder.not_valid_before(old.not_valid_before_utc).not_valid_after(old.not_valid_after_utc)
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    names = x509.NameConstraints([x509.DNSName(domain) for domain in domains], excluded_subtrees=None)
    return Authority(builder.add_extension(names, critical=True).sign(authority.key, hashes.SHA256()), authority.key)


@pytest.mark.parametrize("further", [(), ("loghook",), ("loghook.logs",)])
def test_a_company_ca_that_may_sign_for_services_alone_is_enough(tmp_path: Path, further: tuple[str, ...]) -> None:
    """One name that it may not sign for spoils the certificate for the others too, so ours has no such name."""
    ca = constrained(new_authority(datetime.now(UTC)), "svc", "cluster.local")
    leaf = issue_leaf(ca, [*service_names("loghook", "logs"), *further], datetime.now(UTC))
    with serving(server_context(stored(tmp_path / "served", leaf)), "127.0.0.1") as port:
        if not further:
            for name in ("loghook.logs.svc", "loghook.logs.svc.cluster.local"):
                assert call(port, "127.0.0.1", name, ca.certificate_pem()) == b"!"
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
                call(port, "127.0.0.1", "loghook.logs.svc", ca.certificate_pem())
