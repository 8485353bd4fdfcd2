"""The configuration is read again when its file changes, and the last good one is kept."""

import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest


def image(server: Any, review: Any) -> str:
    """The image of the sidecar that a Pod gets now."""
    import base64
    import json

    answer = server.ask(body=review()).json["response"]
    ops = json.loads(base64.b64decode(answer["patch"]))
    (sidecar,) = [op["value"] for op in ops if op["path"].startswith("/spec/initContainers")]
    containers = sidecar if isinstance(sidecar, list) else [sidecar]
    found: str = containers[0]["image"]
    return found


def metric(server: Any, name: str) -> float:
    (line,) = [line for line in server.health("/metrics")[1].splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


def test_a_changed_configuration_holds_for_the_next_review(start: Any, review: Any, tmp_path: Path) -> None:
    file = tmp_path / "loghook.yaml"
    file.write_text("images: {registry: one.example.com}\n")
    server = start(config=str(file))
    assert image(server, review).startswith("one.example.com/")
    file.write_text("images: {registry: two.example.com}\n")
    server.line("took over a new configuration")
    assert image(server, review).startswith("two.example.com/")
    assert metric(server, 'loghook_config_reloads_total{result="success"}') == 1
    assert metric(server, "loghook_config_last_reload_successful") == 1


def test_a_wrong_configuration_is_told_once_and_the_last_good_one_kept(start: Any, review: Any, tmp_path: Path) -> None:
    file = tmp_path / "loghook.yaml"
    file.write_text("images: {registry: one.example.com}\n")
    server = start(config=str(file))
    file.write_text("imagez: {}\n")
    line = server.line("kept the old configuration")
    assert (line["level"], line["error"]) == ("error", f"{file}:1: imagez: no such setting, write images")
    assert image(server, review).startswith("one.example.com/")
    assert metric(server, 'loghook_config_reloads_total{result="failure"}') == 1
    assert metric(server, "loghook_config_last_reload_successful") == 0
    file.write_text("images: {registry: two.example.com}\n")
    server.line("took over a new configuration")
    assert image(server, review).startswith("two.example.com/")
    assert metric(server, "loghook_config_last_reload_successful") == 1
    assert server.raw.count(b"kept the old configuration") == 1


def test_a_configmap_is_followed(start: Any, review: Any, tmp_path: Path) -> None:
    """A mounted one: a link through `..data`, which the kubelet renames over."""
    for number, registry in (("..1", "one"), ("..2", "two")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "loghook.yaml").write_text(f"images: {{registry: {registry}.example.com}}\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "loghook.yaml").symlink_to("..data/loghook.yaml")
    server = start(config=str(tmp_path / "loghook.yaml"))
    assert image(server, review).startswith("one.example.com/")
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    server.line("took over a new configuration")
    assert image(server, review).startswith("two.example.com/")


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_what_is_no_file_stops_neither_reloading_nor_the_end(
    start: Any, review: Any, pki: Path, tmp_path: Path, kind: str
) -> None:
    """In the place of each watched file in turn: nobody ever writes to that FIFO, and the device has no end."""
    files = {name: tmp_path / name for name in ("loghook.yaml", "tls.crt", "tls.key")}
    files["loghook.yaml"].write_text("images: {registry: one.example.com}\n")
    for name in ("tls.crt", "tls.key"):
        shutil.copy(pki / name, files[name])
    server = start(config=str(files["loghook.yaml"]), tls_cert=str(files["tls.crt"]), tls_key=str(files["tls.key"]))
    for name, told in (
        ("loghook.yaml", "kept the old configuration"),
        ("tls.key", "kept the old certificate"),
        ("tls.crt", "kept the old certificate"),
    ):
        kept = files[name].read_bytes()
        put(kind, files[name])
        line = server.line(told)
        assert re.match(f"{re.escape(str(files[name]))}: is ", line["error"], re.IGNORECASE)
        put("file", files[name], kept)
        server.line(told.replace("kept the old", "took over a new"))
        server.forget()
    put(kind, files["loghook.yaml"])
    server.line("kept the old configuration")
    assert image(server, review).startswith("one.example.com/")
    assert server.end(signal.SIGINT) == 0


def put(kind: str, at: Path, content: bytes = b"") -> None:
    """Something else in the place of a file, by a rename, so that there is no moment without."""
    new = at.with_suffix(".new")
    if kind == "fifo":
        os.mkfifo(new)
    elif kind == "device":
        new.symlink_to("/dev/zero")
    elif kind == "directory":
        new.mkdir()
        at.unlink()
    else:
        new.write_bytes(content)
        if at.is_dir():
            at.rmdir()
    new.rename(at)
