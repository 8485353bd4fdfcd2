"""Which names cannot stand beside ours, and what ours are called where they would not stand beside each other."""

from shipments import parsing, stream

from webhook.sidecars.clashes import paths, stems, told_apart


def test_what_is_above_our_fields() -> None:
    found = stems(
        stream(parsing=parsing("json"), attributes={"k8s.pod.name": ("a",), "team": ("b",), "loghook.source": ("c",)})
    )
    assert found == ("k8s", "log", "loghook", "k8s.pod", "log.file")


def test_a_place_is_one_name_or_names_in_objects() -> None:
    assert [*paths(stream(parsing=parsing("json"), attributes={}))] == [("log",), ("log.file",), ("log", "file")]
    assert [*paths(stream(parsing=parsing("logfmt"), attributes={}))] == [("log",), ("log.file",)]
    assert [*paths(stream(parsing=parsing("plain"), attributes={}))] == []


def test_ours_stand_beside_each_other() -> None:
    attributes = {"k8s.pod.label.app": 1, "k8s.pod.label.app.kubernetes.io/name": 2, "log": 3, "team": 4}
    assert told_apart(attributes) == {
        "k8s.pod.label.app.value": 1,
        "k8s.pod.label.app.kubernetes.io/name": 2,
        "log.value": 3,
        "team": 4,
    }
