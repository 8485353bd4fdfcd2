"""Where the real collector is."""

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

__all__ = ["found_collector"]

ROOT = Path(__file__).parents[2]


@cache
def found_collector() -> Path:
    """`otelcol`, of OTELCOL, of KUBEBUILDER_ASSETS, or of ENVTEST_DIR, whose `setup` prints a folder."""
    setup = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest") / "setup"
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if "OTELCOL" not in os.environ and not folder and os.access(setup, os.X_OK):
        folder = subprocess.run([setup], check=True, capture_output=True, text=True).stdout.strip()
    program = Path(os.environ.get("OTELCOL") or f"{folder or ''}/otelcol")
    if not program.exists():
        what = "otelcol, an OpenTelemetry Collector with file_log and OTLP (OTELCOL, or ENVTEST_DIR)"
        if os.environ.get("LOGHOOK_CI"):
            pytest.fail(f"CI lacks {what}")
        pytest.skip(f"NOT TESTED: this needs {what}")
    return program
