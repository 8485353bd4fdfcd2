"""A server that asks for a client's certificate: the real collector shows it, or says that it cannot."""

import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from client_certificates import client_certificate

from certs.authority import Authority, issue_leaf, new_authority

NOW = datetime.now(UTC)
_SECRET = {"secret": "backend", "key": "key"}
TLS = {"tls": {"ca": _SECRET, "cert": _SECRET, "key": _SECRET}}


def show(authority: Authority, folder: Path) -> None:
    """Put a client's certificate of `authority` where the sidecar has it."""
    certificate, key = client_certificate(authority)
    (folder / "client").mkdir(exist_ok=True)
    (folder / "client" / "otlp.crt").write_bytes(certificate)
    (folder / "client" / "otlp.key").write_bytes(key)


@pytest.fixture
def server(receiver: Any, sidecar: Any, tmp_path: Path) -> Authority:
    """The receiver, which now asks for a certificate of this CA; its own is of the CA that the sidecar knows."""
    clients, own = new_authority(NOW), new_authority(NOW)
    leaf = issue_leaf(own, ["localhost"], NOW)
    (sidecar.folder / "ca" / "otlp.crt").write_bytes(own.certificate_pem())
    for name, pem in (("clients", clients.certificate_pem()), ("crt", leaf.certificate_pem()), ("key", leaf.key_pem())):
        (tmp_path / name).write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "clients")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    _protect(receiver, context)
    return clients


def _protect(receiver: Any, context: ssl.SSLContext) -> None:
    plain = receiver.server.socket
    receiver.server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)


def _start(otel: Any, sidecar: Any, receiver: Any) -> None:
    """The collector, with a line to ship to the server."""
    to = otel.target("otlp", host="localhost", port=receiver.port, **TLS)
    (sidecar.logs / "a.log").write_text("x\n")
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(to, otel.parsing("plain")))))


def _until(sidecar: Any, said: str) -> None:
    deadline = time.monotonic() + 120
    while said not in sidecar.log.read_text():
        assert time.monotonic() < deadline, sidecar.log.read_text()
        time.sleep(0.1)


def test_it_is_shown(otel: Any, sidecar: Any, receiver: Any, server: Authority) -> None:
    show(server, sidecar.folder / "ca")
    _start(otel, sidecar, receiver)
    receiver.wait_for(lambda found: [record.body for record in found] == ["x"], sidecar.log)
    assert sidecar.stop() == 0


def test_one_of_another_ca_is_refused_and_tried_again(
    otel: Any, sidecar: Any, receiver: Any, server: Authority
) -> None:
    """A certificate is no login that is right or wrong for ever: nothing is dropped, and nothing ends."""
    show(new_authority(NOW), sidecar.folder / "ca")
    _start(otel, sidecar, receiver)
    _until(sidecar, "Exporting failed. Will retry")
    assert sidecar.process.poll() is None
    assert receiver.requests == []
    assert sidecar.stop() == 0
    show(server, sidecar.folder / "ca")
    sidecar.again()
    receiver.wait_for(lambda found: [record.body for record in found] == ["x"], sidecar.log)
    assert sidecar.stop() == 0


def test_one_that_is_renewed_is_read_without_a_start(otel: Any, sidecar: Any, receiver: Any, server: Authority) -> None:
    """Every 60 s as it is rendered, here every second."""
    show(new_authority(NOW), sidecar.folder / "ca")
    to = otel.target("otlp", host="localhost", port=receiver.port, **TLS)
    config = otel.with_json(sidecar.rendered(otel.stream(to, otel.parsing("plain"))))
    (exporter,) = config["exporters"].values()
    assert exporter["tls"]["reload_interval"] == "60s"
    exporter["tls"]["reload_interval"] = "1s"
    (sidecar.logs / "a.log").write_text("x\n")
    sidecar.start(config)
    _until(sidecar, "Exporting failed. Will retry")
    show(server, sidecar.folder / "ca")
    receiver.wait_for(lambda found: [record.body for record in found] == ["x"], sidecar.log)
    assert sidecar.stop() == 0


def test_the_client_s_own_is_no_ca(otel: Any, sidecar: Any, receiver: Any) -> None:
    """Go takes whatever is in the folder of the CAs for one: a server with the client's key would be believed."""
    show(new_authority(NOW), sidecar.folder / "ca")
    (sidecar.folder / "ca" / "otlp.crt").write_bytes(new_authority(NOW).certificate_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(sidecar.folder / "ca" / "client" / name for name in ("otlp.crt", "otlp.key")))
    _protect(receiver, context)
    _start(otel, sidecar, receiver)
    _until(sidecar, "certificate signed by unknown authority")
    assert receiver.requests == []


def test_without_its_files_it_ends_and_says_which(otel: Any, sidecar: Any, receiver: Any, server: Authority) -> None:
    """As the page says: the kubelet starts it again until the Secret is there."""
    _start(otel, sidecar, receiver)
    assert sidecar.process.wait(120) != 0
    assert "client/otlp.crt" in sidecar.log.read_text()
    assert server.certificate_pem()
