"""What ends a command early, each with its exit code and one line, or a few, for the user."""

__all__ = ["CommandError", "FailedError", "InputError"]


class CommandError(Exception):
    """A command cannot do what it was asked for; its text says why."""

    exit_code: int


class FailedError(CommandError):
    """Something outside of what was typed does not work: a port that is taken, a server that does not answer."""

    exit_code = 1


class InputError(CommandError):
    """What was typed, or a file that it names, cannot be used."""

    exit_code = 2
