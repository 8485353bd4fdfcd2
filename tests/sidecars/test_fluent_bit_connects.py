"""The real Fluent Bit, wherever it is found: its headers, its client's certificate, and what VictoriaLogs gets."""

import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from client_certificates import client_certificate
from fluent_bit_process import FluentBit, logs, program, until
from receivers import Http
from shipments import parsing, shipment, target
from victoria_logs import VictoriaLogs

from certs.authority import Authority, issue_leaf, new_authority
from webhook.sidecars import Variable

PLAIN = {"tls": {"enabled": False}}
SECRET = {"secret": "backend", "key": "key"}
NOW = datetime.now(UTC)

pytestmark = pytest.mark.usefixtures("_real")


@pytest.fixture(scope="session")
def _real() -> None:
    program()


@pytest.mark.parametrize("kind", ["http", "loki"])
def test_headers_arrive_as_they_were_written(kind: str, tmp_path: Path) -> None:
    headers = [
        {"name": "X-Plain", "value": "a b, \"c\"; 'd'=#{e}"},
        {"name": "X-Key", "value": SECRET},
    ]
    with Http(kind) as backend:
        to = target(kind, {"host": "127.0.0.1", "port": backend.port, **PLAIN, "headers": headers})
        source = logs(tmp_path, target=to)
        (tmp_path / "logs" / "app.log").write_text("ready\n")
        with FluentBit(shipment(source), tmp_path, {"LOGHOOK_BACKEND_HEADERS_1": 'top secret, "q" }'}) as agent:
            assert until(lambda: bool(backend.requests)), agent.complaints
            assert agent.stop() == 0
        _, sent, _ = backend.requests[0]
        assert (sent["x-plain"], sent["x-key"]) == ("a b, \"c\"; 'd'=#{e}", 'top secret, "q" }')


def _asking(folder: Path, clients: Authority) -> ssl.SSLContext:
    """A server's side of TLS that asks for a certificate of `clients`; the sidecar is given the server's CA."""
    own = new_authority(NOW)
    leaf = issue_leaf(own, ["127.0.0.1"], NOW)
    (folder / "server.pem").write_bytes(leaf.certificate_pem() + leaf.key_pem())
    (folder / "clients.pem").write_bytes(clients.certificate_pem())
    (folder / "ca" / "client").mkdir(parents=True)
    (folder / "ca" / "backend.crt").write_bytes(own.certificate_pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "clients.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.mark.parametrize("taken", [1, 0])
def test_its_certificate_is_shown(taken: int, tmp_path: Path) -> None:
    """One of another CA is refused, and ends nothing."""
    clients = new_authority(NOW)
    context = _asking(tmp_path, clients)
    certificate, key = client_certificate(clients if taken else new_authority(NOW))
    (tmp_path / "ca" / "client" / "backend.crt").write_bytes(certificate)
    (tmp_path / "ca" / "client" / "backend.key").write_bytes(key)
    with Http("http", context=context) as backend:
        tls = {"ca": SECRET, "cert": SECRET, "key": SECRET}
        to = target("http", {"host": "127.0.0.1", "port": backend.port, "tls": tls})
        source = logs(tmp_path, target=to)
        (tmp_path / "logs" / "app.log").write_text("ready\n")
        with FluentBit(shipment(source), tmp_path) as agent:
            assert until(lambda: bool(backend.records) or any("flush" in each for each in agent.complaints))
            assert len(backend.records) == taken
            assert agent.is_running


def test_victorialogs(tmp_path: Path) -> None:
    time = f"{NOW.isoformat()[:19]}.123456Z"
    lines = [{"time": time, "message": "hello", "http": {"status": 200}}, {"time": time, "msg": "there"}]
    options = {
        "streamFields": ["loghook.source", "team"],
        "tenant": {"account": 12, "project": 3},
        "extraFields": {"team": "the team of {pod}", "cluster": "eu=1"},
    }
    store = VictoriaLogs(tmp_path)
    try:
        to = target("victorialogs", {"host": "127.0.0.1", "port": store.port, **PLAIN, **options})
        named = {"loghook.source": ("access",), "k8s.pod.name": (Variable("LOGHOOK_POD"),)}
        source = logs(tmp_path, target=to, parsing=parsing("json"), attributes=named)
        (tmp_path / "logs" / "app.log").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        with FluentBit(shipment(source), tmp_path, {"LOGHOOK_POD": "shop-0"}) as agent:
            records = store.records(2, account=12, project=3)
            assert agent.stop() == 0
    finally:
        store.stop()
    assert sorted(record["_msg"] for record in records) == ["hello", "there"]
    for record in records:
        assert (record["_time"], record["cluster"], record["k8s.pod.name"]) == (time, "eu=1", "shop-0")
        assert record["_stream"] == '{loghook.source="access",team="the team of shop-0"}'
