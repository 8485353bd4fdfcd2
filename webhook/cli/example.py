"""The example of `make run`: sent to the webhook, and shown as a diff."""

import shlex
import sys
from pathlib import Path

from webhook.cli import manifests
from webhook.cli.failures import FailedError
from webhook.cli.preview import Webhook, diff
from webhook.cli.terminal import show, styled

__all__ = ["show_example"]


def show_example(file: Path, url: str, ca: Path) -> None:
    """Send `file` to the webhook at `url` as the API server would, and say how to do that with another file.

    Raises FailedError where the webhook does not inject it.
    """
    (part,) = (part for manifest in manifests.read(str(file)) for part in manifest.parts())
    answered = Webhook(url, ca).review(part.pod(), part.namespace(None))
    if not (answered.allowed and answered.ops):
        raise FailedError(f"the webhook has not injected {file}: {answered.message}")
    show("", *diff(part, answered.ops), "")
    again = shlex.join([_program(), "preview", "-f", str(file), "--server", url, "--ca", str(ca)])
    show(
        styled((f"The webhook serves at {url}", "bold"), " until you press Ctrl-C."),
        f"The same with a file of yours, in another terminal; put its name in place of {file}:",
        "",
        styled(f"  {again}"),
        "",
    )


def _program() -> str:
    """What starts `loghook` in the reader's shell, whose folder is ours too."""
    program = Path(sys.executable).parent / "loghook"
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
