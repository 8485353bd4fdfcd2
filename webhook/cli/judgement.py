"""What `loghook config check` does: read configuration files as the server does, and try their destinations."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from webhook.annotations.registry import PREFIX
from webhook.cli import configuration, contents
from webhook.cli.failures import InputError
from webhook.cli.terminal import say, show, styled
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.inject import inject
from webhook.pod.view import view

__all__ = ["run", "told"]


def run(files: Sequence[Path]) -> int:
    """Say what is wrong with each of `files` and return the exit code. Raises InputError where one cannot be opened."""
    return max(map(_judged, files))


def _judged(file: Path) -> int:
    content = contents.of(file, str(file))
    try:
        config = configuration.parse(content, file)
    except InputError as error:
        say(*(styled(("error", "red"), f": {line}") for line in str(error).splitlines()))
        return 1
    for name, diagnostic in told(config):
        say(styled(("warning", "yellow"), f": {file}: destinations.{name}: {diagnostic}"))
    show(f"{file}: can be used")
    return 0


def told(config: Config) -> Iterator[tuple[str, Diagnostic]]:
    """What a Pod is told that ships to each destination, by the agent that holds in its namespace."""
    for name, destination in config.destinations.items():
        namespace = next((glob.replace("*", "x").replace("?", "x") for glob in destination.namespaces), "default")
        said = {f"{PREFIX}paths": "/var/log/app/*.log", f"{PREFIX}destination": name}
        pod = view({"metadata": {"annotations": said}, "spec": {"containers": [{"name": "app"}]}})
        yield from ((name, diagnostic) for diagnostic in inject(pod, config, namespace).diagnostics)
