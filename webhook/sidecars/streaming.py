"""The busybox engine: a constant POSIX script that writes the lines of files to its own stdout.

No user text enters the script. Paths and globs are arguments, and the shell only ever expands them as patterns.
"""

from importlib.resources import files

from webhook.sidecars import Assignment, Command

__all__ = ["BUSYBOX", "SCRIPT", "WITHOUT_ENVIRONMENT"]

SCRIPT = (files("webhook.sidecars") / "stream.sh").read_text("utf-8")
"""The script; `stream.sh` says how it works."""

WITHOUT_ENVIRONMENT = ("/bin/env", "-i", "PATH=/bin:/usr/bin:/sbin:/usr/sbin")
"""Where a shell runs: what a sub-path needs of the application's environment is for the kubelet, not for a shell."""


class Busybox:
    """busybox's shell and applets."""

    name = "busybox"
    has_state = False
    can_free = False
    drains_itself = True
    files = frozenset({"/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr/bin", "/usr/lib", "/usr/sbin"})
    _command = (*WITHOUT_ENVIRONMENT, "/bin/sh", "-c", SCRIPT, "loghook")

    def command(self, assignment: Assignment) -> Command:
        """Run the script with `DRAIN FROM EXCLUDES -- PATH…` as its arguments."""
        args = (
            "native" if assignment.is_native else str(assignment.drain_seconds),
            "end" if assignment.from_end else "beginning",
            "\n".join(assignment.exclude),
            "--",
            *assignment.paths,
        )
        return Command(self._command, args)


BUSYBOX = Busybox()
