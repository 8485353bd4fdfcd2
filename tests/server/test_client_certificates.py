"""Callers that have to show a certificate: who is served, who is told why not, and probes that need none."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.authority import new_authority

NOW = datetime.now(UTC)


class Clients:
    """A CA whose certificates callers show, and the file in which the server has it."""

    def __init__(self, folder: Path, pki: Path) -> None:
        self.ca_file = folder / "client-ca.crt"
        self._folder = folder
        self._server_ca = pki / "ca.crt"
        self.renew()

    def renew(self) -> None:
        """Become another CA."""
        self._authority = new_authority(NOW)
        self.ca_file.write_bytes(self._authority.certificate_pem())

    def certificate(self, name: str, *dns: str) -> tuple[Path, Path]:
        """A client's certificate with this common name, and its key, as kubeadm makes them for an API server."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = self._authority.certificate.subject
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        if dns:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(x509.DNSName, dns)), critical=False)
        certificate = builder.sign(self._authority.key, hashes.SHA256())
        files = self._folder / "client.crt", self._folder / "client.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(*formats, serialization.NoEncryption()))
        return files

    def context(self, files: tuple[Path, Path] | None) -> ssl.SSLContext:
        """What a caller with this certificate, or with none, connects by."""
        context = ssl.create_default_context(cafile=self._server_ca)
        if files:
            context.load_cert_chain(*files)
        return context


@pytest.fixture
def clients(tmp_path: Path, pki: Path) -> Clients:
    return Clients(tmp_path, pki)


def test_only_callers_with_one_of_the_names_are_served(start: Any, review: Any, clients: Clients) -> None:
    server = start(client_ca=str(clients.ca_file), client_names=["kube-apiserver", "api.example.com"])
    for names in (("kube-apiserver",), ("other", "api.example.com")):
        server.context = clients.context(clients.certificate(*names))
        assert server.ask(body=review()).status == 200
    server.context = clients.context(clients.certificate("a\u0007kubelet" + "x" * 20))
    reply = server.ask(body=review())
    said = f"the client certificate is for a\\x07kubelet{'x' * 20}, who is not among those that are served"
    assert (reply.status, reply.json, reply.headers["Connection"]) == (403, {"error": said}, "close")
    assert 'loghook_requests_refused_total{status="403"} 1.0' in server.health("/metrics")[1]
    assert server.health("/readyz") == (200, "ok\n")


def test_without_names_any_certificate_of_the_ca_will_do(start: Any, review: Any, clients: Clients) -> None:
    server = start(client_ca=str(clients.ca_file))
    server.context = clients.context(clients.certificate("anyone"))
    assert server.ask(body=review()).status == 200


REFUSED = r"(?i)alert|eof|closed|reset"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_callers_without_a_certificate_of_the_ca_get_no_connection(
    start: Any, review: Any, clients: Clients, version: ssl.TLSVersion
) -> None:
    of_another = clients.certificate("kube-apiserver")
    clients.renew()
    server = start(client_ca=str(clients.ca_file))
    for files in (None, of_another):
        server.context = clients.context(files)
        server.context.maximum_version = version
        with pytest.raises(OSError, match=REFUSED):
            server.ask(body=review())
    assert b"reviewed" not in server.raw
    assert server.health("/readyz") == (200, "ok\n")


def test_a_new_client_ca_is_taken_over(start: Any, review: Any, clients: Clients) -> None:
    old = clients.context(clients.certificate("old"))
    server = start(client_ca=str(clients.ca_file))
    clients.renew()
    server.line("took over a new certificate")
    server.context = old
    with pytest.raises(OSError, match=REFUSED):
        server.ask(body=review())
    server.context = clients.context(clients.certificate("new"))
    assert server.ask(body=review()).status == 200
    clients.ca_file.write_bytes(b"no certificate")
    said = f"{clients.ca_file}: holds no certificate in PEM form, or a damaged one"
    server.line("kept the old certificate", error=said)
    assert server.ask(body=review()).status == 200
