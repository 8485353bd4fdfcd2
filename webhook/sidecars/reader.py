"""The engine `reader`: a program of ours, in loghook's own image. `webhook.reader` is the program."""

from collections.abc import Iterator

from webhook.sidecars import STATE_DIRECTORY, Assignment, Command

__all__ = ["READER"]


class Reader:
    """The interpreter of the image, with the start-up options that cost least, and the program, by its own place."""

    name = "reader"
    has_state = True
    can_free = True
    drains_itself = True
    files = frozenset(
        {"/bin", "/dev", "/etc", "/lib", "/lib64", "/opt/loghook", "/usr/bin", "/usr/lib", "/usr/local"}
        | {STATE_DIRECTORY}
    )
    # A Job may have ended before the interpreter has a handler for SIGTERM, and the kernel drops what the first process
    # of a container neither handles nor blocks. So it starts with the signal blocked, and unblocks it itself.
    _command = (
        *("/usr/bin/env", "--block-signal=TERM"),
        *("/opt/loghook/bin/python", "-I", "-S", "/opt/loghook/reader/__main__.py"),
    )

    def command(self, assignment: Assignment) -> Command:
        """Run it with all that it is to know in its arguments."""
        return Command(self._command, (*_options(assignment), "--", *assignment.paths))


def _options(assignment: Assignment) -> Iterator[str]:
    """What is not as the program has it anyway: `kubectl describe` shows all of this."""
    if not assignment.is_native:
        yield from ("--drain", str(assignment.drain_seconds))
    if assignment.from_end:
        yield from ("--from", "end")
    yield from ("--state", f"{STATE_DIRECTORY}/reader{assignment.source and f'-{assignment.source}'}.offsets")
    if assignment.port:
        yield from ("--port", str(assignment.port))
    for tree in assignment.trees:
        # Kubernetes allows no colon in the path of a mount.
        is_elsewhere = tree.mount_path != tree.app_path
        yield from ("--volume", f"{tree.mount_path}:{tree.app_path}" if is_elsewhere else tree.mount_path)
        if tree.mount_path in assignment.freed:
            yield from ("--free", tree.mount_path)
    if assignment.exclude:
        # Nor do annotations allow a comma in a path or a glob: they are lists.
        yield from ("--exclude", ",".join(assignment.exclude))


READER = Reader()
