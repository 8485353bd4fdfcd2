"""The controller as a process of its own: what each signal does to it, also where no API server answers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ports import free_port

PATIENCE = 120
WORDS = "-m certs run --namespace logs --secret tls --service loghook --webhook-configuration loghook --health-port 0"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of a cluster at a port where nobody listens."""
    said = {
        "clusters": [{"name": "none", "cluster": {"server": f"https://127.0.0.1:{free_port()}"}}],
        "users": [{"name": "none", "user": {}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
        "current-context": "none",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(said))
    return file


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_finishes_what_it_does_whatever_signal_ends_it(kubeconfig: Path, number: signal.Signals) -> None:
    command = [sys.executable, *WORDS.split()]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            assert running.stdout is not None
            assert "started" in running.stdout.readline()
            running.send_signal(signal.SIGHUP)  # it goes on: all is looked at anew anyway
            running.send_signal(number)
            said, _ = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
    assert running.returncode == 0
    assert "stopped" in said.splitlines()[-1]
