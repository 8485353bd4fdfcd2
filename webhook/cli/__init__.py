"""The command line: `loghook`, `kubectl loghook` and `python -m webhook`."""

import os
import sys
from collections.abc import Callable, Sequence

from webhook.cli.failures import CommandError

__all__ = ["main"]

_INTERRUPTED = 130  # as a shell says it: 128 and the number of SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (by default the process's) and return its exit code.

    What a user or a file system can do wrong is a line on stderr, or one for each mistake.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _command(arguments)(arguments)
    except CommandError as error:
        for line in str(error).splitlines():
            print(f"Error: {line}", file=sys.stderr)  # noqa: T201 - the one way to say it that needs no import
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _command(arguments: Sequence[str]) -> Callable[[Sequence[str]], int]:
    """What runs `arguments`. `serve` is looked for before click is imported: `webhook.cli.commands.serve` says why."""
    if arguments[:1] == ["serve"]:
        from webhook.cli.commands import serve  # noqa: PLC0415 - each way imports only what it needs

        return lambda given: serve.run(given[1:])
    from webhook.cli import app  # noqa: PLC0415 - as above

    return app.run
