"""The manual page, `loghook.1`, written from the commands as they are typed: `make docs` brings it up to date."""

from collections.abc import Iterator

import click

from webhook import __version__

__all__ = ["page"]

_PROGRAM = "loghook"


def page(app: click.Group) -> str:
    """The page of the program whose commands are those of `app`, in roff (man 7 man)."""
    return "\n".join(_lines(app)) + "\n"


def _lines(app: click.Group) -> Iterator[str]:
    context = app.make_context(_PROGRAM, [], resilient_parsing=True)
    yield f'.TH LOGHOOK 1 "" "{_PROGRAM} {__version__}" "User Commands"'
    yield from (".SH NAME", f"{_PROGRAM} \\- logs for applications that write files, from Pod annotations")
    yield from (".SH SYNOPSIS", f".B {_PROGRAM}", "COMMAND [OPTION]...")
    yield ".SH DESCRIPTION"
    yield from _text(app.help or "")
    yield ".SH OPTIONS"
    yield from _options(context)
    yield ".SH COMMANDS"
    for name, command in _commands(app, context):
        yield f".SS {_escaped(f'{_PROGRAM} {name}')}"
        yield from _command(command, click.Context(command, info_name=name, parent=context))
    yield from (".SH FILES", ".TP", "loghook.yaml", "The webhook's configuration: docs/configuration.md.")
    yield from (".SH SEE ALSO", ".BR kubectl (1)")


def _commands(group: click.Group, context: click.Context, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that help lists, those of a group by both names."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, context, f"{before}{name} ")
        elif command is not None and not command.hidden:
            yield f"{before}{name}", command


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """What the help of a command says."""
    yield from (".PP", _escaped(" ".join([context.command_path, *command.collect_usage_pieces(context)])))
    yield from _text(command.help or "")
    yield from _options(context)


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield from (".TP", f".B {_escaped(record[0])}", _escaped(record[1]))


def _text(text: str) -> Iterator[str]:
    """Paragraphs of a help text; those that click is told not to wrap keep their lines."""
    for paragraph in text.strip("\n").split("\n\n"):
        kept = paragraph.startswith("\b\n")
        lines = [_escaped(line.rstrip()) for line in paragraph.removeprefix("\b\n").splitlines()]
        yield from (".PP", *((".nf", *lines, ".fi") if kept else lines))


def _escaped(text: str) -> str:
    """`text` as roff takes it: no line begins a request, and a hyphen is one that can be searched for and copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped
