"""Why Pods are left alone."""

import enum
from typing import Self

__all__ = ["Reason"]


class Reason(enum.Enum):
    """Why a Pod is left alone: a stable word for logs and metrics, and a sentence for people."""

    NOT_ASKED = "not-asked", "no annotation asks for loghook"
    OPTED_OUT = "opted-out", "loghook.dev/inject says false"
    ALREADY_INJECTED = "already-injected", "the sidecars are there already"
    WINDOWS = "windows", "the Pod is for Windows nodes"
    MIRROR_POD = "mirror-pod", "a mirror Pod only shows what the kubelet runs by itself"
    STATIC_POD = "static-pod", "the kubelet runs a static Pod by itself"
    EXCLUDED_NAMESPACE = "excluded-namespace", "the configuration excludes this namespace"
    MISTAKES = "mistakes", "the annotations have mistakes, and on-error says warn"
    ADMINISTRATOR = "administrator", "the configuration leaves nothing to inject"
    NOT_A_POD = "not-a-pod", "the object is no Pod"
    NOT_CREATE = "not-create", "only the creation of a Pod is looked at"
    NO_OBJECT = "no-object", "the request has no object"

    def __new__(cls, word: str, sentence: str) -> Self:
        """Make `word` the member's value."""
        member = object.__new__(cls)
        member._value_ = word
        member.sentence = sentence
        return member

    sentence: str
