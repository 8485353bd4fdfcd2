"""What the page is told of a manifest: what is wrong and where, the injected manifest, and the agents' configurations.

Text in, plain data out: no file is read, and nothing is remembered but the configurations last read, since most keys
are typed in the manifest.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from webhook.cli import configuration, lint, manifests
from webhook.cli.failures import InputError
from webhook.cli.findings import MANIFEST, Finding
from webhook.cli.inject import Decided, decide
from webhook.cli.manifests import Manifest, ManifestError
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, Refused
from webhook.plan.names import CONFIG

__all__ = ["Answer", "Question", "answer"]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands on the page: manifests, a configuration or nothing, and the namespace or nothing."""

    manifest: str
    config: str = ""
    namespace: str = ""


class Agent(msgspec.Struct, frozen=True):
    """The agent that an object gets, and the text of its configuration."""

    object: str
    name: str
    text: str


class Answer(msgspec.Struct, frozen=True):
    """`verdicts` is a sentence for each object that brings Pods; `config_problem` has the configuration's mistakes.

    `lines` are those of the difference: each begins with `+` where it is added, `-` where it goes, else with a space.
    """

    findings: list[Finding] = []
    config_problem: str = ""
    verdicts: list[str] = []
    lines: list[str] = []
    agents: list[Agent] = []


def answer(question: Question) -> Answer:
    """What becomes of it. Mistakes of the question are part of the answer."""
    if not question.manifest.strip():
        return Answer()
    problem, config = "", Config()
    if question.config.strip():
        try:
            config = _configuration(question.config)
        except InputError as error:
            problem = str(error)
    try:
        return msgspec.structs.replace(_judged(question, config), config_problem=problem)
    except ManifestError as error:
        wrong = Finding("", error.line, error.column, "error", MANIFEST, "", error.problem)
        return Answer(findings=[wrong], config_problem=problem, lines=_unchanged(question.manifest))
    except InputError as error:
        wrong = Finding("", 0, 0, "error", MANIFEST, "", str(error))
        return Answer(findings=[wrong], config_problem=problem, lines=_unchanged(question.manifest))


@lru_cache(maxsize=4)
def _configuration(text: str) -> Config:
    return configuration.parse(text.encode(), Path("loghook.yaml"))


def _judged(question: Question, config: Config) -> Answer:
    read = manifests.parse("manifest", question.manifest)
    namespace = question.namespace or None
    try:
        decided = [
            [each for each in decide(manifest, config, namespace) if isinstance(each, Decided)] for manifest in read
        ]
    except ManifestError:  # there may be more to say than of the first that is no Pod
        findings = [each for manifest in read for each in lint.in_manifest(manifest, config, namespace)]
        return Answer(findings=findings, lines=_unchanged(question.manifest))
    every = [each for pods in decided for each in pods]
    findings = [found for each in every for found in lint.said_of(each.part, each.outcome.diagnostics, each.beside)]
    return Answer(
        findings=sorted(findings, key=lambda each: (each.line, each.column)),
        verdicts=[verdict(each) for each in every],
        lines=_difference(question.manifest, _patched(read, decided)),
        agents=[agent for each in every for agent in _agents(each)],
    )


def verdict(decided: Decided) -> str:
    """What becomes of an object, as a sentence."""
    name, outcome = decided.part.name, decided.outcome
    if isinstance(outcome, Refused):
        return f"{name} is refused"
    if isinstance(outcome, Injected):
        return f"{name} gets {', '.join(f'{each.name} ({each.agent})' for each in outcome.sidecars)}"
    return f"{name} is left alone: {outcome.reason.sentence}"


def _patched(read: Sequence[Manifest], decided: Sequence[Sequence[Decided]]) -> str:
    pairs = zip(read, decided, strict=True)
    return "".join(manifest.patched((each.part, each.ops) for each in pods) for manifest, pods in pairs)


def _agents(decided: Decided) -> Iterator[Agent]:
    if isinstance(decided.outcome, Injected):
        agent = next((each.agent for each in decided.outcome.sidecars if each.mode == "agent"), "")
        for op in decided.ops:
            for text in _configurations(op.path, op.value):
                yield Agent(decided.part.name, agent, text)


def _configurations(path: str, value: object) -> Iterator[str]:
    """The configuration in an operation: it is an annotation, added alone or with all others."""
    if path.endswith("/" + CONFIG.replace("/", "~1")) and isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from _configurations(f"{path}/{name.replace('/', '~1')}", inside)


def _unchanged(text: str) -> list[str]:
    return [f" {each}" for each in text.splitlines()]


def _difference(before: str, after: str) -> list[str]:
    """All lines of `after`, those marked that `before` has not; where lines go, those too."""
    old, new = before.splitlines(), after.splitlines()
    return _only_added(old, new) or _replaced(old, new)


def _only_added(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The difference where no line goes, as is the rule with YAML; empty where one does."""
    lines, at = [], 0
    for text in new:
        is_kept = at < len(old) and old[at] == text
        at += is_kept
        lines.append(f"{' ' if is_kept else '+'}{text}")
    return lines if at == len(old) else []


def _replaced(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The difference as one change, as where JSON is written anew; linear, whatever the texts."""
    shortest = min(len(old), len(new))
    first = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    last = next((at for at in range(shortest - first) if old[-1 - at] != new[-1 - at]), shortest - first)
    return [
        *(f" {text}" for text in new[:first]),
        *(f"-{text}" for text in old[first : len(old) - last]),
        *(f"+{text}" for text in new[first : len(new) - last]),
        *(f" {text}" for text in new[len(new) - last :]),
    ]
