"""Fluent Bit, as the agent of a Pod and as the engine that streams one source. Tested with 5.1.1.

Its configuration is YAML, and JSON is YAML: it is written as data, and never as text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from webhook.sidecars import CONFIG_DIRECTORY, STATE_DIRECTORY, Assignment, Command, Problem, Shipment, Stream, Text
from webhook.sidecars.fluent_bit import buffers, inputs, literals, outputs, parsing
from webhook.sidecars.fluent_bit.problems import problems

__all__ = ["FLUENT_BIT", "FLUENT_BIT_STREAM"]

_PROGRAM = "/fluent-bit/bin/fluent-bit"
_FLUSH_SECONDS = 0.2
_FILES = frozenset({"/fluent-bit", "/etc", "/lib", "/lib64", "/usr/lib", "/usr/share/zoneinfo", STATE_DIRECTORY})


class FluentBit:
    """Fluent Bit as the agent sidecar."""

    name = "fluent-bit"
    files = _FILES
    config_file = "fluent-bit.yaml"
    unwraps_first = False

    def problems(self, shipment: Shipment) -> Iterator[Problem]:
        """What it cannot do of `shipment`."""
        return problems(shipment)

    def config(self, shipment: Shipment) -> str:
        """Its configuration in JSON, with one key a line."""
        buffer = buffers.of_input(shipment)
        sections = {
            "service": _service(shipment),
            "parsers": _unique(each for stream in shipment.streams for each in parsing.parsers(stream)),
            "multiline_parsers": _multiline_parsers(shipment),
            "pipeline": {
                "inputs": [each for stream in shipment.streams for each in _inputs(stream, buffer)],
                "outputs": [outputs.output(stream, buffers.disk_bytes(shipment)) for stream in shipment.streams],
            },
        }
        text = _written(sections)
        return (
            _written({"env": literals.ENV, **sections})
            if any(f"${{{name}}}" in text for name in literals.ENV)
            else text
        )

    def command(self, shipment: Shipment) -> Command:  # noqa: ARG002 (the protocol's)
        """Run it with its configuration, under a parent that starts it anew where it cannot start."""
        return Command((_PROGRAM,), ("--supervisor", "-c", f"{CONFIG_DIRECTORY}/{self.config_file}"))

    def env(self, shipment: Shipment) -> Mapping[str, Text]:
        """What only the environment can say: the keys for AWS."""
        return {
            outputs.AWS[field]: (variable,)
            for stream in shipment.streams
            for field, variable in stream.target.secrets.items()
            if field in outputs.AWS
        }

    def image(self, shipment: Shipment) -> str | None:  # noqa: ARG002 (the protocol's)
        """The usual one: every destination is in it."""
        return None


def _written(sections: Mapping[str, Any]) -> str:
    """The sections that are not empty."""
    return msgspec.json.format(
        msgspec.json.encode({key: each for key, each in sections.items() if each}), indent=1
    ).decode()


def _multiline_parsers(shipment: Shipment) -> list[dict[str, Any]]:
    """Those that read lines by a parser of their own come last.

    Fluent Bit gives the parser of one to all that stand after it and name none, which then join nothing: it does not
    forget it from one section to the next (5.1.1, `flb_parser_load_multiline_parser_definitions`).
    """
    every = (each for stream in shipment.streams for each in parsing.multiline_parsers(stream))
    return sorted(every, key=lambda each: "parser" in each)


def _service(shipment: Shipment) -> dict[str, Any]:
    return {
        "flush": _FLUSH_SECONDS,
        "grace": max(1, shipment.grace_seconds),
        "log_level": "warn",
        "http_server": "off",
        "scheduler.base": 1,
        "scheduler.cap": 30,
        **buffers.service(shipment),
    }


def _inputs(stream: Stream, buffer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    own: dict[str, Any] = {"key": parsing.LINE, "path_key": parsing.PATH, **buffer}
    if parsing.is_joined(stream.parsing):
        own["multiline.parser"] = stream.tag
    if steps := list(parsing.steps(stream)):
        own["processors"] = {"logs": steps}
    for tail in inputs.tails(stream.tag, stream.paths, stream.exclude, from_end=stream.from_end):
        yield {**tail, **own}


def _unique(definitions: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({each["name"]: each for each in definitions}.values())


class FluentBitStream:
    """Fluent Bit as a streaming sidecar: every line as it is, and nothing else, to its stdout."""

    name = "fluent-bit"
    files = _FILES
    has_state = True
    can_free = False
    drains_itself = False

    def command(self, assignment: Assignment) -> Command:
        """Run it with everything in its arguments."""
        args = ["-q", "-f", str(_FLUSH_SECONDS)]
        tag = f"source-{assignment.source}" if assignment.source else "unnamed"
        for tail in inputs.tails(tag, assignment.paths, assignment.exclude, from_end=assignment.from_end):
            args += ["-i", *_properties(tail | _STREAMED)]
        args += ["-o", *_properties(_RAW)]
        return Command((_PROGRAM,), args)


# With -q it says nothing; what goes wrong with the files is to be seen all the same, on stderr.
_STREAMED = {"log_level": "warn", "mem_buf_limit": "4M"}
_RAW = {
    "name": "file",
    "log_level": "warn",
    "match": "*",
    "path": "/dev",
    "file": "stdout",
    "format": "template",
    "template": "{log}",
    "retry_limit": "no_limits",
}


def _properties(options: Mapping[str, Any]) -> Iterator[str]:
    """The arguments after `-i` or `-o`: the name of a plugin, and its options."""
    for key, option in options.items():
        if key == "name":
            yield option
        else:
            yield from ("-p", f"{key}={str(option).lower() if isinstance(option, bool) else option}")


FLUENT_BIT = FluentBit()
FLUENT_BIT_STREAM = FluentBitStream()
