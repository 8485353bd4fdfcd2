"""The plain port: probes and metrics."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families


def samples(server: Any) -> dict[tuple[str, ...], float]:
    """Each sample's value, by its name and its labels' values."""
    status, text = server.health("/metrics")
    assert status == 200
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_serving_process_is_alive_and_ready(server: Any, path: str) -> None:
    assert server.health(path) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/mutate", "/docs", "/openapi.json", "/"])
def test_nothing_else_is_there(server: Any, path: str) -> None:
    assert server.health(path) == (404, '{"error":"not found"}')


def test_reviews_are_counted_by_what_became_of_them(start: Any, review: Any) -> None:
    server = start()
    server.ask(body=review())
    server.ask(body=review(annotated=False))
    server.ask(body=review().replace(b"loghook.dev/paths", b"loghook.dev/pahts"))
    server.ask(body=b"{}")
    server.ask(body=review(name="make-the-core-fail"))
    now = samples(server)
    assert now["loghook_reviews_total", "injected", "", "pods"] == 1
    assert now["loghook_reviews_total", "skipped", "not-asked", "pods"] == 1
    assert now["loghook_reviews_total", "refused", "", "pods"] == 1
    assert now["loghook_review_duration_seconds_count", "pods"] == 3
    assert now["loghook_review_duration_seconds_bucket", "+Inf", "pods"] == 3
    assert now["loghook_review_duration_seconds_sum", "pods"] > 0
    assert now["loghook_sidecars_injected_total", "busybox", "streaming"] == 1
    assert now["loghook_diagnostics_total", "LH101", "pods"] == 1
    assert now["loghook_requests_refused_total", "400"] == 1
    assert now["loghook_requests_refused_total", "500"] == 1


def test_the_state_of_the_process_is_shown(server: Any) -> None:
    now = samples(server)
    assert now["loghook_certificate_expiry_timestamp_seconds",] > 1_700_000_000
    assert now["loghook_log_lines_dropped_total",] == 0
    assert {key[0] for key in now} >= {"loghook_build_info", "process_resident_memory_bytes", "process_open_fds"}
    with server.open_socket():
        server.ask("GET", "/")
        assert samples(server)["loghook_connections",] >= 1


def test_labels_are_not_made_by_callers(server: Any, review: Any) -> None:
    before = set(samples(server))
    for number in range(20):
        server.ask("GET", f"/path-{number}")
        server.ask(body=review(f"uid-{number}", name=f"name-{number}"))
    assert set(samples(server)) == before
