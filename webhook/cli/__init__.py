"""The command line: `loghook`, `kubectl loghook` and `python -m webhook`."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from webhook.cli.failures import CommandError, FailedError, InputError

__all__ = ["main"]

_INTERRUPTED = 130  # as a shell says it: 128 and the number of SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (by default the process's) and return its exit code.

    What a user or a file system can do wrong is a line on stderr, or one for each mistake.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _open_closed_streams()
    try:
        code = _command(arguments)(arguments)
        sys.stdout.flush()
    except CommandError as error:
        return _said(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        # Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FailedError.exit_code if isinstance(error, BrokenPipeError) else _said(_as_command_error(error))
    return code


def _open_closed_streams() -> None:
    """Open what whoever started us has closed (`>&-`), which Python has no object for.

    Reading that stdin and writing that stdout fails, as it does for every program; what goes to that stderr is lost.
    """
    for name, mode, flags in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))


def _said(error: CommandError) -> int:
    """Say `error` on stderr, if that can be written, and return its exit code."""
    with contextlib.suppress(OSError):
        for line in str(error).splitlines():
            print(f"Error: {line}", file=sys.stderr)  # noqa: T201 - the one way to say it that needs no import
    return error.exit_code


def _as_command_error(error: OSError) -> CommandError:
    """What the system says of a file that was named; of what has no name it is our output that cannot be written."""
    why = error.strerror or str(error)
    return InputError(f"{error.filename}: {why}") if error.filename else FailedError(f"the output: {why}")


def _command(arguments: Sequence[str]) -> Callable[[Sequence[str]], int]:
    """What runs `arguments`. `serve` is looked for before click is imported: `webhook.cli.commands.serve` says why."""
    if arguments[:1] == ["serve"]:
        from webhook.cli.commands import serve  # noqa: PLC0415 - each way imports only what it needs

        return lambda given: serve.run(given[1:])
    from webhook.cli import app  # noqa: PLC0415 - as above

    return app.run
