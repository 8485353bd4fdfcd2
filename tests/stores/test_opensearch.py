"""OpenSearch, read back from a node: what a real index makes of our documents."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge import Bridge
from opensearch_node import OpenSearchNode
from parts import until
from shipments import target
from shippers import SHIPPERS, Shipper
from written import ALL_TYPES, assert_whole, has, line

FIELDS = {**ALL_TYPES, "list": [1, 2]}  # an index takes no list of several types


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearchNode]:
    found = OpenSearchNode(tmp_path_factory.mktemp("opensearch"))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def index(tmp_path: Path) -> str:
    """An index that no other test writes to."""
    return tmp_path.name.lower()


@pytest.fixture(
    params=[(type_, agent) for type_ in ("opensearch", "elasticsearch") for agent in SHIPPERS[type_]], ids="-".join
)
def shipper(request: pytest.FixtureRequest, node: OpenSearchNode, index: str, tmp_path: Path) -> Iterator[Shipper]:
    """An agent that ships to `index`; the collector, which has no exporter of it here, by a bridge."""
    type_, agent = request.param
    SHIPPERS[type_][agent]()
    to = target(type_, {"host": "127.0.0.1", "port": node.port, "index": index, "tls": {"enabled": False}})
    bridge = Bridge(node, index)
    rewritten = bridge.put_into if agent == "otel-collector" else str
    with Shipper(agent, to, tmp_path, rewritten=rewritten) as found:
        yield found
    bridge.stop()


def test_a_record_arrives_with_its_fields_types_and_time(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    shipper.write(line("pay", **FIELDS))
    (got,) = node.wait_for(index, has("pay"))
    assert_whole(got, FIELDS)
    types = node.mapping(index)
    assert {name: types[name]["type"] for name in ("@timestamp", "whole", "half", "is")} == {
        "@timestamp": "date",
        "whole": "long",
        "half": "float",
        "is": "boolean",
    }


def tries(shipper: Shipper) -> int:
    """How often Fluent Bit has tried in vain: it sends again what was refused alone."""
    return shipper.said.count("failed to flush")


def test_what_an_index_refuses_holds_up_nothing(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    node.make(index, status={"type": "long"})
    shipper.write(line("first", status=200))
    node.wait_for(index, has("first"))
    shipper.write(line("refused alone", status="bad"))
    assert until(lambda: shipper.agent != "fluent-bit" or tries(shipper) >= 1), shipper.said
    shipper.write(line("beside 1", status=1), line("refused beside", status="bad"), line("beside 2", status=2))
    shipper.write(*(line(f"good {number}", status=number) for number in range(5)))
    wanted = {"first", "beside 1", "beside 2", *(f"good {number}" for number in range(5))}
    node.wait_for(index, lambda documents: wanted <= {each["message"] for each in documents})
    assert until(lambda: shipper.agent != "fluent-bit" or tries(shipper) >= 3), shipper.said
    assert sorted(each["message"] for each in node.documents(index)) == sorted(wanted), "each of them once"


@pytest.mark.soak
def test_many_refused_records_hold_up_nothing(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    node.make(index, status={"type": "long"})
    for number in range(450):
        shipper.write(line(f"refused {number}", status="bad"))
        time.sleep(0.2)  # so that each is a request of its own
    wanted = {f"good {number}" for number in range(5)}
    shipper.write(*(line(each, status=200) for each in sorted(wanted)))
    got = node.wait_for(index, lambda documents: wanted <= {each["message"] for each in documents})
    assert {each["message"] for each in got} == wanted


def test_an_index_can_take_what_does_not_fit(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    mapping = {"properties": {"status": {"type": "long"}}}
    node.ask("PUT", f"/{index}", {"settings": {"index.mapping.ignore_malformed": True}, "mappings": mapping})
    shipper.write(line("kept", status="bad"))
    (got,) = node.wait_for(index, has("kept"))
    assert got["status"] == "bad"


@pytest.mark.parametrize(
    "own",
    [
        '{"log":"hello","stream":"stdout"}',
        '{"k8s":"one","loghook":2,"log":null}',
        '{"log":{"file":"x"},"k8s":{"pod":1}}',
    ],
)
def test_fields_named_as_ours_stand_beside_them(node: OpenSearchNode, shipper: Shipper, index: str, own: str) -> None:
    shipper.write(own, line("behind"))
    got = node.wait_for(index, has("behind"))
    assert len(got) == 2, got


@pytest.mark.parametrize("own", ['"2026-11-29 11:22:33,123"', "1795951353.5", '"soon"', "{}"])
def test_an_application_s_own_timestamp_spoils_no_index(
    node: OpenSearchNode, shipper: Shipper, index: str, own: str
) -> None:
    shipper.write(f'{{"@timestamp":{own},"message":"own"}}', line("behind"))
    got = node.wait_for(index, lambda documents: len(documents) == 2)
    assert {each["message"] for each in got} == {"own", "behind"}
    assert node.mapping(index)["@timestamp"]["type"] == "date"


@pytest.mark.parametrize("shipper", [("opensearch", "fluent-bit"), ("elasticsearch", "fluent-bit")], indirect=True)
def test_what_waits_arrives_once_the_node_is_back(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    shipper.write(line("here"))
    node.wait_for(index, has("here"))
    node.stop()
    shipper.write(line("again"))
    node.start()
    node.wait_for(index, has("again"))


@pytest.mark.parametrize("shipper", [("opensearch", "fluent-bit")], indirect=True)
@pytest.mark.parametrize(
    ("block", "status"),
    [("write", 403), ("read_only", 403), ("read_only_allow_delete", 429)],  # the last is that of a disk that fills up
)
def test_what_waits_arrives_once_the_index_takes_it(
    node: OpenSearchNode, shipper: Shipper, index: str, block: str, status: int
) -> None:
    """Fluent Bit takes such an answer for an index that is away."""
    shipper.write(line("here"))
    node.wait_for(index, has("here"))
    node.ask("PUT", f"/{index}/_settings", {f"index.blocks.{block}": True})
    shipper.write(line("blocked"))
    assert until(lambda: "cluster_block_exception" in shipper.said), shipper.said
    assert f'"status":{status}' in shipper.said
    node.ask("PUT", f"/{index}/_settings", {f"index.blocks.{block}": None})
    node.wait_for(index, has("blocked"))


def test_what_has_too_many_fields_for_an_index_holds_up_nothing(
    node: OpenSearchNode, shipper: Shipper, index: str
) -> None:
    node.ask("PUT", f"/{index}", {"settings": {"index.mapping.total_fields.limit": 40}})
    few, many = {"one": 1}, {f"field{number}": 1 for number in range(50)}
    shipper.write(line("first", **few))
    node.wait_for(index, has("first"))
    shipper.write(line("refused alone", **many))
    assert until(lambda: shipper.agent != "fluent-bit" or tries(shipper) >= 1), shipper.said
    shipper.write(line("beside 1", **few), line("refused beside", **many), line("beside 2", **few))
    got = node.wait_for(index, has("beside 2"))
    assert sorted(each["message"] for each in got) == ["beside 1", "beside 2", "first"]
    assert "field0" not in node.mapping(index)


def test_an_index_that_is_rolled_over_goes_on(node: OpenSearchNode, shipper: Shipper, index: str) -> None:
    """What is named is an alias, or a data stream, which does the same."""
    node.ask("PUT", f"/{index}-000001", {"aliases": {index: {"is_write_index": True}}})
    shipper.write(line("old"))
    node.wait_for(index, has("old"))
    assert node.ask("POST", f"/{index}/_rollover")["rolled_over"]
    shipper.write(line("new"))
    node.wait_for(index, has("new"))
    assert [each["message"] for each in node.documents(f"{index}-000002")] == ["new"]
