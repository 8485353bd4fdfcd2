import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from webhook import __version__
from webhook.cli.app import app

Run = Callable[..., Any]


def test_help_shows_examples_and_every_command_with_serve_among_them(process: Run) -> None:
    result = process("--help")
    assert (result.code, result.err) == (0, "")
    listed = [line.split()[0] for line in result.out.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert listed == sorted(name for name, command in app.commands.items() if not command.hidden)
    assert {"serve", "inject", "describe"} <= set(listed)
    assert "loghook inject -f app.yaml | kubectl apply -f -" in result.out


@pytest.mark.parametrize(
    "command", ["completion", "config", "explain", "inject", "lint", "man", "preview", "serve", "verify", "demo"]
)
def test_each_command_has_help_with_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert (f"loghook {command} " if command != "demo" else "make run PORT=9443") in result.out
    assert run(command, "-h").out == result.out


@pytest.mark.parametrize("program", ["loghook", "kubectl-loghook"])
def test_the_version_is_said_under_each_name(process: Run, program: str) -> None:
    installed = Path(sys.executable).parent / program
    if not installed.exists():
        pytest.fail(f"{program} is not installed beside {sys.executable}")
    result = process("--version", program=[str(installed)])
    assert (result.code, result.out, result.err) == (0, f"loghook {__version__}\n", "")


def test_the_version_is_that_of_the_package() -> None:
    assert version("loghook") == __version__


def test_wrong_use_is_one_line_and_exit_code_2(run: Run) -> None:
    for arguments, line in (
        (["nope"], "No such command 'nope'. (see --help)"),
        (["inject"], "Missing option '--file' / '-f'. (see --help)"),
        (["inject", "-f"], "Option '-f' requires an argument. (see --help)"),
        (["inject", "-f", "x", "y"], "Got unexpected extra argument (y) (see --help)"),
        (["serve"], "The following arguments are required: --tls-cert, --tls-key (see --help)"),
    ):
        result = run(*arguments)
        assert (result.code, result.out, result.err) == (2, "", f"Error: {line}\n")


def test_a_namespace_that_can_be_none_is_wrong_use(run: Run) -> None:
    for command in (["list"], ["inject", "-f", "x"], ["config", "show"], ["check"], ["logs", "x"]):
        for name in ("a/b", "Shop", "a" * 64, "..", "a b", "-a"):
            result = run(*command, "-n", name)
            problem = f"{name!r} is no name of a namespace: lower-case letters, digits and dashes"
            line = f"Error: Invalid value for '--namespace' / '-n': {problem} (see --help)\n"
            assert (result.code, result.out, result.err) == (2, "", line)


def test_stdin_is_read_once_by_every_command(run: Run) -> None:
    for command in ("inject", "uninject", "migrate", "lint", "describe", "preview"):
        result = run(command, "-f", "-", "-f", "-")
        assert (result.code, result.err) == (2, "Error: stdin can be read only once: give -f - only once\n")


def test_without_a_command_the_help_goes_to_stderr(run: Run) -> None:
    result = run()
    assert (result.code, result.out) == (2, "")
    assert "Commands:" in result.err


def test_inject_comes_without_the_server_and_without_the_api_client() -> None:
    program = "import sys, webhook.cli.inject; print(*[m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    unwanted = ["fastapi", "uvicorn", "kubernetes", "certs"]
    result = subprocess.run(
        [sys.executable, "-c", program, *unwanted], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.split() == []


LOADED = """
import json, sys
before = set(sys.modules)
from webhook.cli import main
try:
    code = main()
except SystemExit as end:  # so click ends a completion
    code = end.code
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
sys.exit(code)
"""

COMPLETIONS = {
    "loghook ": "verify",
    "loghook inject --": "--namespace",
    "loghook serve --tls-": "--tls-cert",
    "loghook completion ": "fish",
    "loghook explain lh10": "LH101",
}

PROMPT = [["--help"], ["--version"], [], ["nope"], ["inject"], ["completion", "fish"]]
PROMPT += [["explain"], ["explain", "LH101"], ["explain", "no-such-thing"]]
PROMPT += [
    [command, "--help"]
    for command in ("completion", "config", "explain", "inject", "lint", "man", "preview", "serve", "verify", "demo")
]


def loaded(arguments: list[str], typed: str = "") -> tuple[str, set[str]]:
    """What `loghook` says to `arguments`, or as completion of what is `typed`, and what it has imported at its end."""
    completing = {
        "_LOGHOOK_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(completing if typed else {})},
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    """Those that are not Python's own, not click and not the commands as they are typed."""
    light = ("webhook.cli.commands.", "click.", "_virtualenv")
    named = {"webhook", "webhook.cli", "webhook.cli.app", "webhook.cli.commands", "webhook.cli.failures", "click"}
    named.add("webhook.cli.explain")
    own = sys.stdlib_module_names
    return {name for name in modules - named if name.split(".")[0] not in own and not name.startswith(light)}


@pytest.mark.parametrize("arguments", PROMPT, ids=" ".join)
def test_help_and_version_and_a_mistake_import_nothing_that_a_command_needs(arguments: list[str]) -> None:
    _, modules = loaded(arguments)
    assert "webhook.cli.failures" in modules
    assert heavy(modules) == set()
    assert modules.isdisjoint({"ssl", "asyncio", "http.client", "urllib.request"})


@pytest.mark.parametrize("typed", COMPLETIONS, ids=str.strip)
def test_completion_imports_as_little_and_knows_the_options_of_every_command(typed: str) -> None:
    said, modules = loaded([], typed)
    assert f"plain,{COMPLETIONS[typed]}" in said.split()
    assert heavy(modules) == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_program(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert f"_LOGHOOK_COMPLETE={shell}_complete" in result.out
    assert "loghook" in result.out
