"""Fluentd 1.19: its configuration in Fluentd's own syntax, and its command.

Made for the daemonset images as people know them, with a configuration of ours: theirs tails the node's containers.
What becomes of a line is in a small filter of ours (`record.rb`), which the configuration brings along.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files as resources

from webhook.sidecars import CONFIG_DIRECTORY, STATE_DIRECTORY, Command, Problem, Shipment, Stream, Text, Tree
from webhook.sidecars.clashes import stems
from webhook.sidecars.fluentd.files import sources
from webhook.sidecars.fluentd.literals import Ruby, Section, Value, json_text, write
from webhook.sidecars.fluentd.misfits import misfits
from webhook.sidecars.fluentd.outputs import OUTPUTS, Output, known_environment, output
from webhook.sidecars.onigmo import BORDER, Untranslatable, translate
from webhook.sidecars.shared import written

__all__ = ["FLUENTD", "RECORD"]

RECORD = (resources("webhook.sidecars.fluentd") / "record.rb").read_text("utf-8")
"""The filter; `record.rb` says how it works."""

_SYSTEM: Mapping[str, Value] = {
    "root_dir": f"{STATE_DIRECTORY}/fluentd",
    "log_level": "warn",
    "suppress_config_dump": True,
    "config_include_dir": "",
    "enable_input_metrics": False,
    "disable_shared_socket": True,
    "process_name": Ruby(f"unless defined?(::Loghook)\n{RECORD}end\n'loghook'"),  # Fluentd reads a configuration twice
}


class Fluentd:
    """Fluentd in one of the daemonset images."""

    name = "fluentd"
    files = frozenset(
        {"/bin", "/etc", "/fluentd", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/usr/local", "/usr/share"}
    )
    config_file = "fluent.conf"
    unwraps_first = False

    def problems(self, shipment: Shipment) -> Iterator[Problem]:
        """What Fluentd cannot do of `shipment`."""
        for stream in shipment.streams:
            for key, code, details in _problems(stream):
                yield Problem(stream.name, key, code, {"agent": self.name, **details})
        needed = [(stream, _image(stream)) for stream in shipment.streams if _image(stream)]
        for stream, image in needed:
            if image != needed[0][1]:
                yield Problem(stream.name, "destination", "LH146", {"agent": self.name})

    def config(self, shipment: Shipment) -> str:
        """The configuration."""
        sections: list[Section] = [Section("system", "", _SYSTEM)]
        known = self.env(shipment)
        for stream in shipment.streams:
            made, match = output(stream, _share(shipment), known)
            sections += sources(stream)
            sections.append(Section("label", f"@{stream.tag}", {}, (_filter(stream, made), match)))
        return write(sections)

    def command(self, _: Shipment) -> Command:
        """As the images' own entrypoint does, without what it does for a node's agent; one process is enough."""
        config = f"{CONFIG_DIRECTORY}/{self.config_file}"
        plugins = ("-p", "/fluentd/plugins", "--gemfile", "/fluentd/Gemfile")
        return Command(("tini",), ("--", "fluentd", "-c", config, *plugins, "--no-supervisor"))

    def env(self, shipment: Shipment) -> Mapping[str, Text]:
        """Where it may write, and where it ships to by the names that people know."""
        known: dict[str, Text] = {"TMPDIR": (STATE_DIRECTORY,), "HOME": (STATE_DIRECTORY,)}
        for stream in shipment.streams:
            known = {**dict(known_environment(stream)), **known}
        return known

    def image(self, shipment: Shipment) -> str | None:
        """The image with the plugin of its destinations; the usual one is that for Elasticsearch."""
        needed = next(filter(None, map(_image, shipment.streams)), None)
        return None if needed == "elasticsearch" else needed


def _image(stream: Stream) -> str | None:
    _, image = OUTPUTS.get(stream.target.settings.type, (None, None))
    return image


def _share(shipment: Shipment) -> int:
    """What a stream may keep on disk: its share of half of the volume."""
    return max(16 << 20, shipment.state_bytes // 2 // len(shipment.streams))


def _filter(stream: Stream, made: Output) -> Section:
    parsing = stream.parsing
    format_ = parsing.format
    is_regex = format_.syntax == "regex"
    parameters: dict[str, Value | None] = {
        "@type": "loghook",
        "syntax": format_.syntax,
        "expression": translate(format_.pattern) if is_regex else None,
        "columns": json_text(list(format_.columns)) if format_.syntax == "csv" else None,
        "types": json_text({name: (type_,) for name, type_ in format_.types.items()}) if format_.types else None,
        "partial": format_.is_partial or None,
        "time_key": parsing.time_key,
        "time_format": parsing.time_format if parsing.time_key else None,
        "time_zone": parsing.time_zone if parsing.time_key else None,
        "keep": written(stream.keep, BORDER) if stream.keep is not None else None,
        "drop": written(stream.drop, BORDER) if stream.drop is not None else None,
        "hint": "|".join(f"(?:{written(each.sign, '')})" for each in stream.redact) or None,
        "redact": json_text([[written(each.pattern, BORDER), each.text] for each in stream.redact])
        if stream.redact
        else None,
        "attributes": json_text(stream.attributes),
        "stems": json_text(list(stems(stream))) if stems(stream) else None,
        "trees": json_text(_moved(stream.trees)) if _moved(stream.trees) else None,
        "shape": made.shape,
        "envelope": json_text(made.envelope) if made.envelope else None,
    }
    return Section("filter", stream.tag, parameters)


def _moved(trees: Sequence[Tree]) -> list[list[str]]:
    """The trees that the application calls otherwise, the deepest first."""
    moved = [[tree.mount_path, tree.app_path] for tree in trees if tree.mount_path != tree.app_path]
    return sorted(moved, key=lambda tree: -len(tree[0]))


def _problems(stream: Stream) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Keys and codes, with details."""
    for key, pattern in (("format", stream.parsing.format.pattern), ("multiline-start", stream.parsing.start)):
        try:
            translate(pattern or "")
        except Untranslatable as reason:
            yield key, "LH143", {"problem": str(reason)}
    if any(path != path.strip() for path in stream.paths):
        yield "paths", "LH144", {}
    for code, details in misfits(stream.target):
        yield "destination", code, details


FLUENTD = Fluentd()
