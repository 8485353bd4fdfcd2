"""S3, read back from a server of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from parts import until
from s3_server import S3Server
from shipments import SECRET, target
from shippers import Shipper, agents_for
from written import ALL_TYPES, assert_whole, line

from webhook.sidecars import Target

_KEY = {"secret": "backend", "key": "key"}
_AT_ONCE = {
    "fluent-bit": ('"upload_timeout": "1m"', '"upload_timeout": "1s"'),
    "otel-collector": ('"flush_timeout": "60s"', '"flush_timeout": "1s"'),
}
"""What makes an agent upload soon, where its configuration says a minute."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    found = S3Server(tmp_path_factory.mktemp("s3"))
    found.start()
    yield found
    found.stop()


agent = agents_for("s3")


@pytest.fixture
def bucket(tmp_path: Path) -> str:
    """A bucket that no other test writes to."""
    return tmp_path.name.lower().replace("_", "-")


def to(server: S3Server, bucket: str) -> Target:
    own = {"bucket": bucket, "region": "us-east-1", "prefix": "{namespace}/{source}"}
    keys = {"accessKeyId": _KEY, "secretAccessKey": _KEY}
    return target("s3", {**own, "endpoint": f"http://127.0.0.1:{server.port}", "keys": keys})


def shipping(agent: str, server: S3Server, bucket: str, folder: Path) -> Shipper:
    shipper = Shipper(agent, to(server, bucket), folder, secret=SECRET)
    shipper.change(*_AT_ONCE[agent])
    return shipper


def test_a_record_arrives_with_its_fields_types_and_time(
    server: S3Server, agent: str, bucket: str, tmp_path: Path
) -> None:
    server.make(bucket)
    with shipping(agent, server, bucket, tmp_path) as shipper:
        shipper.write(line("pay", **ALL_TYPES))
        name, got = server.wait_for(bucket, "pay")
    assert name.startswith("shop/access/20")
    assert_whole(got, ALL_TYPES)


@pytest.mark.parametrize("agent", ["fluent-bit"], indirect=True)
def test_what_waits_is_uploaded_when_it_ends(server: S3Server, agent: str, bucket: str, tmp_path: Path) -> None:
    server.make(bucket)
    with Shipper(agent, to(server, bucket), tmp_path, secret=SECRET) as shipper:
        shipper.write(line("early"))
        assert until(lambda: any(each.is_file() for each in (tmp_path / "state" / "s3").rglob("*"))), shipper.said
        shipper.stop()
    server.wait_for(bucket, "early")


def test_what_waits_arrives_once_the_server_is_back(agent: str, bucket: str, tmp_path: Path) -> None:
    own = S3Server(tmp_path / "s3")
    with shipping(agent, own, bucket, tmp_path / "agent") as shipper:
        shipper.write(line("early"))
        assert until(lambda: bool(shipper.complaints) or "Exporting failed" in shipper.said), shipper.said
        own.start()
        own.make(bucket)
        own.wait_for(bucket, "early")
    own.stop()


def test_a_bucket_that_is_missing_is_said(server: S3Server, agent: str, bucket: str, tmp_path: Path) -> None:
    with shipping(agent, server, bucket, tmp_path) as shipper:
        shipper.write(line("nowhere"))
        assert until(lambda: "NoSuchBucket" in shipper.said), shipper.said
    assert SECRET not in shipper.said
