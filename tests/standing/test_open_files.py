"""What a shell writes about /proc, read: which files are logs, on which volume, and the annotations for them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from webhook.standing.open_files import SCRIPT, annotations_for, open_files

APP: dict[str, Any] = {
    "name": "app",
    "volumeMounts": [{"name": "root", "mountPath": "/"}, {"name": "logs", "mountPath": "/var/log/app/"}],
}
POD: dict[str, Any] = {"spec": {"volumes": [{"name": "logs", "persistentVolumeClaim": {"claimName": "c"}}]}}


def files(*lines: str) -> Any:
    return open_files(POD, APP, "\n".join(lines))[0]


@pytest.mark.parametrize(
    ("line", "path", "is_log"),
    [
        ("open 7 0 0102001 app /var/log/app/x", "/var/log/app/x", True),
        ("open 7 0 0100001 app /var/log/app/server.log", "/var/log/app/server.log", True),
        ("open 7 0 0100001 app /var/log/app/server.log.1", "/var/log/app/server.log", True),
        ("open 7 0 0100001 app /var/log/app/server.log-20261129.2", "/var/log/app/server.log", True),
        ("open 7 0 0100002 app /var/lib/app/orders.db", "/var/lib/app/orders.db", False),
        ("open 7 0 0100002 app /srv/catalogue.db", "/srv/catalogue.db", False),
        ("open 7 0 0100001 app /srv/with a space.log", "/srv/with a space.log", True),
    ],
)
def test_a_log_is_told_by_how_it_is_opened_or_called(line: str, path: str, *, is_log: bool) -> None:
    (found,) = files(line)
    assert (found.path, found.is_log) == (path, is_log)


@pytest.mark.parametrize(
    "line",
    [
        "open 7 0 0100001 app /dev/pts/0",
        "open 7 0 0100001 app pipe:[7]",
        "open 7 0 0100001 app /memfd:x (deleted)",
        "open 7 0 0100001 app /proc/self/oom_score_adj",
        "some other words",
        "",
    ],
)
def test_what_is_no_file_is_passed_over(line: str) -> None:
    assert files(line) == []


def test_each_file_is_named_once_with_its_volume() -> None:
    line = "open 7 0 0102001 app /var/log/app/x.log"
    (found,) = files(line, line.replace("7", "8"))
    assert (found.volume, found.kind, found.is_deleted) == ("logs", "persistentVolumeClaim", False)
    (elsewhere,) = files("open 7 0 0102001 app /srv/x.log (deleted)")
    assert (elsewhere.volume, elsewhere.is_deleted, elsewhere.path) == ("root", True, "/srv/x.log")
    assert annotations_for([elsewhere]) == {}


def test_a_process_that_shows_nothing_is_said() -> None:
    assert open_files(POD, APP, "closed 1 33 nginx")[1] == ["nginx (uid 33)"]


def test_the_script_sees_what_a_process_has_open(tmp_path: Path) -> None:
    if not Path("/proc/self/fdinfo").exists():
        pytest.skip("NOT TESTED: this needs /proc")
    shell = shutil.which("sh")
    assert shell
    with (tmp_path / "app.log").open("a"), (tmp_path / "read").open("w+"):
        done = subprocess.run([shell, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    mine = [line for line in done.stdout.splitlines() if line.split()[1:2] == [str(os.getpid())]]
    found = {each.path: each.is_log for each in open_files(POD, APP, "\n".join(mine))[0]}
    assert found[str(tmp_path / "app.log")] is True
    assert found[str(tmp_path / "read")] is False
