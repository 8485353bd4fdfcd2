"""Vector: its configuration, built as data, and its command.

Each source is a chain of its own: files, a program that makes records of lines, a sink. A sink acknowledges what it
has delivered, and only then an offset moves. With a destination away the sinks' small buffers fill up, reading stops,
and the files are the buffer.
"""

from collections.abc import Iterator, Mapping

import msgspec

from webhook.sidecars import CONFIG_DIRECTORY, STATE_DIRECTORY, Command, Problem, Shipment, Stream, Text
from webhook.sidecars.rust import Untranslatable, translate
from webhook.sidecars.vector.connections import only_ca
from webhook.sidecars.vector.files import sources
from webhook.sidecars.vector.literals import Data, document
from webhook.sidecars.vector.misfits import misfits
from webhook.sidecars.vector.remap import program, time_problem
from webhook.sidecars.vector.shapes import shape
from webhook.sidecars.vector.sinks import SINKS

__all__ = ["SECRETS", "VECTOR"]

SECRETS = r"""values = {}
for_each(array!(.secrets)) -> |_, name| {
  name = string!(name)
  value = get_env_var(replace(name, "template/", "")) ?? ""
  value = replace(replace(value, r'[\r\n]+$', ""), r'[\x7f-\x{9f}\x{2028}\x{2029}\x{feff}]', "?")
  if starts_with(name, "template/") && match(value, r'%|\{\{') { value = "unset" }
  text = slice(encode_json(value), 1, -1) ?? ""
  if text == "" { text = "\\\n " }
  values = set!(values, [name], { "value": text, "error": null })
}
values"""
"""What answers Vector's questions for secrets: `vector vrl`, run by Vector itself, out of the environment.

Vector puts an answer into the text of the configuration as it stands, between the quotes of a string. So the answer is
escaped; one that is empty, which Vector would not take, is a line break that YAML folds away; and a line end at the end
of a Secret is left out. Templates have no escape for `%`: there such a value is worth as much as none.
"""

_GLOBAL: dict[str, Data] = {
    "data_dir": STATE_DIRECTORY,
    "api": {"enabled": False},
    "healthchecks": {"enabled": False},
    "log_schema": {"timestamp_key": '"@timestamp"'},
    "secret": {"env": {"type": "exec", "command": ["vector", "vrl", SECRETS], "timeout": 60}},
}


class Vector:
    """Vector 0.57 and later."""

    name = "vector"
    files = frozenset(
        {"/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr/bin", "/usr/lib", "/usr/local/bin", "/usr/share"}
    )
    config_file = "vector.yaml"
    unwraps_first = False

    def problems(self, shipment: Shipment) -> Iterator[Problem]:
        """What Vector cannot do of `shipment`."""
        for stream in shipment.streams:
            for key, code, details in _problems(stream):
                yield Problem(stream.name, key, code, {"agent": self.name, **details})

    def config(self, shipment: Shipment) -> str:
        """The configuration: JSON that is read as YAML."""
        parts: dict[str, dict[str, Data]] = {"sources": {}, "transforms": {}, "sinks": {}}
        for stream in shipment.streams:
            files = sources(stream)
            remap = {
                "type": "remap",
                "inputs": list(files),
                "source": program(stream, shape(stream)),
            }
            parts["sources"] |= files
            parts["transforms"][f"{stream.tag}-record"] = remap
            parts["sinks"][f"{stream.tag}-out"] = _sink(stream, shipment)
        return document({**_GLOBAL, **parts})

    def command(self, shipment: Shipment) -> Command:
        """Two threads are enough for one Pod; on a large node Vector would start one for each core."""
        config = f"{CONFIG_DIRECTORY}/{self.config_file}"
        limit = str(max(1, shipment.grace_seconds - 1))
        return Command(("vector",), ("--config", config, "--threads", "2", "--graceful-shutdown-limit-secs", limit))

    def env(self, shipment: Shipment) -> Mapping[str, Text]:
        """Its own log: warnings and errors. Small chunks: what a source holds is counted in lines, not in bytes."""
        usual: dict[str, Text] = {"VECTOR_LOG": ("warn",), "VECTOR_CHUNK_SIZE_EVENTS": ("100",)}
        ca = only_ca(shipment)
        return usual | {"VECTOR_COLOR": ("never",), **({"SSL_CERT_FILE": (ca,)} if ca else {})}

    def image(self, _: Shipment) -> None:
        """One image does it all."""


def _sink(stream: Stream, shipment: Shipment) -> dict[str, Data]:
    """A sink's buffer takes an eighth of the memory, shared by all sinks."""
    share = max(1 << 20, shipment.memory_bytes // 8 // len(shipment.streams))
    target = stream.target
    if only_ca(shipment):
        target = msgspec.structs.replace(target, files={k: v for k, v in target.files.items() if k != "tls.ca"})
    sink = SINKS[target.settings.type](target.settings, target)
    outer = sink.get("protocol")
    (outer if isinstance(outer, dict) else sink)["acknowledgements"] = {"enabled": True}
    return {
        **sink,
        "inputs": [f"{stream.tag}-record"],
        "buffer": {"type": "memory", "max_size": share, "when_full": "block"},
    }


def _problems(stream: Stream) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Keys and codes, with details."""
    for key, pattern in (("format", stream.parsing.format.pattern), ("multiline-start", stream.parsing.start)):
        try:
            translate(pattern or "")
        except Untranslatable as reason:
            yield key, "LH143", {"problem": str(reason)}
    if problem := time_problem(stream.parsing):
        yield "time-format", "LH143", {"problem": problem}
    for code, details in misfits(stream.target):
        yield "destination", code, details


VECTOR = Vector()
