"""What `loghook playground` does: serve the page until Ctrl-C."""

import asyncio
import contextlib
import gc
import socket
import webbrowser

import uvicorn

from webhook.cli.failures import FailedError
from webhook.cli.playground.app import HOST, app
from webhook.cli.terminal import show, styled

__all__ = ["run"]


def run(port: int, *, is_opened: bool) -> int:
    """Serve at `port`, 0 for any that is free, and return the exit code. Raises FailedError where it is taken."""
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise FailedError(f"port {port} cannot be used: {error.strerror}; choose another by --port") from None
    url = f"http://{HOST}:{listening.getsockname()[1]}/"
    config = uvicorn.Config(app(), log_level="warning", access_log=False, lifespan="off")
    with contextlib.suppress(KeyboardInterrupt):  # from when Ctrl-C is told of; uvicorn gives it on once it has ended
        said = styled(
            (f"The playground is at {url}", "bold"), " until you press Ctrl-C. It reads no file and no cluster."
        )
        show(said)
        if is_opened:
            webbrowser.open(url)
        gc.freeze()  # what there is now stays: looking through it would take longer than most answers
        asyncio.run(uvicorn.Server(config).serve([listening]))
    return 0
