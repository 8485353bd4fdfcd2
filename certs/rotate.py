"""What to do next about the certificates of a cluster: pure, with what is there and the time as arguments.

Three places matter. The **Secret** holds the truth: the CA's key (`ca.key`), the serving certificate (`tls.crt`,
`tls.key`) and, in `ca.crt`, every CA that callers are to trust, the one that signs first. The **caBundle** of each
webhook is a copy of `ca.crt`, by which the API servers check the injector. The **injector** serves what the kubelet
copied from the Secret into its volume. The two copies arrive late, each in its own time, so nothing may be served that
is not yet trusted everywhere, and nothing may cease to be trusted that is still served somewhere:

| what changes | how |
| --- | --- |
| the serving certificate, two thirds through its life | a new one from the same CA: everybody trusts it already |
| the CA's certificate, two thirds through its life | a new one on the same key and name; it verifies what the old one
signed, and the old one what it signs from now on, so it may arrive whenever it likes |
| the CA's key, when somebody asks, or when it is lost | in two phases: **announce** the new CA beside the old one in
every caBundle, and go on serving the old certificate; after `Rules.settle` serve one from the new CA, and go on
trusting the old one; after `Rules.overlap` **drop** the old CA |

**How long to wait.** `settle` is for API servers that see a new caBundle late. Each follows the configurations by a
watch, which takes milliseconds; three minutes also cover one that is overloaded or cut off from etcd for two, though
then it stores no Pod either. `overlap` is for injectors that see a new Secret late. The kubelet copies Secrets into
volumes once in a sync period (1 minute, up to half as long again) plus the age of its cache: none by default, since it
watches, else up to 5 minutes in clusters of more than 2,000 nodes (kubernetes.io/docs/concepts/configuration/secret/
#mounted-secrets-are-updated-automatically; kubernetes `pkg/controller/ttl`; 49 to 90 s were seen in cluster-api#10522).
The injector then looks every 5 s. Fifteen minutes are more than twice all of that.

The waiting is counted by the controller's own stopwatch, from when it first sees everything in its place, and starts
again with whatever changes, or with the controller. So a wrong clock, a restart or a second controller can make a
roll-over longer and never shorter.

**CAs that the Secret does not know.** Where a caBundle lacks the signing CA, whatever it trusts instead may be what the
injectors serve: after the Secret was lost or put back from a backup, or when cert-manager issued before us. Such CAs
are adopted into `ca.crt` and dropped like the old ones of a roll-over. A caBundle that has the signing CA has nothing
to teach: what else it holds was dropped on purpose.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from certs.authority import (
    AUTHORITY_LIFE,
    LEAF_LIFE,
    Authority,
    Certificate,
    is_issued_by,
    issue_leaf,
    new_authority,
    parse_names,
    renewal_time,
    restore_authority,
)
from certs.holding import (
    CA_CERTIFICATE,
    CA_KEY,
    TLS_CERTIFICATE,
    TLS_KEY,
    Holding,
    Leaf,
    certificates_of,
    distinct,
    has_names,
    holding_of,
    identity,
    is_current,
    key_of,
    pem_of,
    unexpired,
    verifies,
)

__all__ = [
    "Found",
    "Phase",
    "Publish",
    "Rest",
    "Rules",
    "Step",
    "Store",
    "Trust",
    "Wait",
    "plan",
    "trust",
]


Phase: TypeAlias = Literal["announce", "overlap"]
"""Of a roll-over: a new CA is trusted, the old certificate served; the new one is served, the old CA trusted too."""


@dataclass(frozen=True)
class Rules:
    """What is wanted: the names to serve, how long certificates live, and how long each phase of a roll-over waits.

    Raises `BadNameError` for a bad name, and `ValueError` for a CA that would live shorter than what it signs.
    """

    names: tuple[str, ...]
    ca_life: timedelta = AUTHORITY_LIFE
    leaf_life: timedelta = LEAF_LIFE
    settle: timedelta = timedelta(minutes=3)
    overlap: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        parse_names(self.names)
        if self.ca_life < self.leaf_life:
            raise ValueError("the CA must live at least as long as the serving certificate")


@dataclass(frozen=True)
class Found:
    """What is there: the Secret's data (None without a Secret), what its rotate annotation asks for, every caBundle.

    `bundles` has the caBundle of each webhook of every configuration that exists, as PEM, empty where it has none.
    """

    secret: Mapping[str, bytes] | None = field(repr=False)
    bundles: tuple[bytes, ...]
    rotate: str = ""


@dataclass(frozen=True)
class Store:
    """Write `data` into the Secret, and remove the rotate annotation where it is `answered`; `why` is for people."""

    data: Mapping[str, bytes] = field(repr=False)
    answered: bool
    why: tuple[str, ...]


@dataclass(frozen=True)
class Publish:
    """Make `bundle` (PEM) the caBundle of every webhook that has another one."""

    bundle: bytes


@dataclass(frozen=True)
class Wait:
    """Nothing for `left`; then what follows `phase` of a roll-over, if all is still as it is."""

    left: timedelta
    phase: Phase


@dataclass(frozen=True)
class Rest:
    """Nothing before `until`, when the first certificate is to be renewed."""

    until: datetime


Step: TypeAlias = Store | Publish | Wait | Rest


@dataclass(frozen=True)
class Trust:
    """Whether callers trust what the Secret serves, and the dates behind it.

    `problem` is one sentence, empty where every caBundle verifies the serving certificate. `serving` and `signing` are
    the ends of the serving certificate and of the CA, None where there is none; `trusted` counts the CAs of `ca.crt`.
    """

    problem: str
    serving: datetime | None
    signing: datetime | None
    trusted: int


@dataclass(frozen=True)
class _Change:
    """A Secret on its way to what it should be."""

    signer: Authority
    others: tuple[Certificate, ...]
    why: tuple[str, ...] = ()
    answered: bool = False


def plan(found: Found, rules: Rules, now: datetime, held: timedelta) -> Step:
    """Return what to do next. `held` says for how long everything in `found` was seen to be exactly as it is.

    After a `Store` or a `Publish`, look again and ask again; after a `Wait` or `Rest`, whenever something has changed,
    and every few seconds. `now` is the time of those who verify: the API server's.
    """
    holding = holding_of(found.secret or {}, now)
    change = _authority(holding, found, rules, now)
    bundle = pem_of(change.signer.certificate, *change.others)
    is_published = not change.why and all(each == bundle for each in found.bundles)
    if _leaf_is_due(holding.leaf, change, found, rules, now):
        if _may_serve(holding.leaf, change) or (is_published and held >= rules.settle):
            return _store(found, _with_leaf(change, found, rules, now), rules, now, new_leaf=True)
        if is_published:
            return Wait(rules.settle - held, "announce")
    elif change.others and is_published:
        if held < rules.overlap:
            return Wait(rules.overlap - held, "overlap")
        change = replace(change, others=(), why=("dropped the old CA",))
    if change.why or change.answered or found.secret is None:
        return _store(found, change, rules, now, new_leaf=False)
    if not is_published:
        return Publish(bundle)
    return Rest(_next_renewal(holding, now))


def trust(found: Found, names: Iterable[str], now: datetime) -> Trust:
    """Say whether every caBundle verifies what the Secret serves, for all `names`, at `now`."""
    holding = holding_of(found.secret or {}, now)
    leaf, signer = holding.leaf, holding.signer
    return Trust(
        problem=_problem(holding, found, tuple(names), now),
        serving=leaf.certificate.not_valid_after_utc if leaf else None,
        signing=signer.expires if signer else None,
        trusted=len(holding.others) + (signer is not None),
    )


def _problem(holding: Holding, found: Found, names: tuple[str, ...], now: datetime) -> str:
    if found.secret is None:
        return "the Secret does not exist"
    if holding.leaf is None:
        return "the Secret holds no serving certificate with its key"
    if not is_current(holding.leaf.certificate, now):
        return "the serving certificate is not valid at this time"
    if not has_names(holding.leaf.certificate, names):
        return "the serving certificate is for other names"
    if not all(verifies(bundle, holding.leaf, now) for bundle in found.bundles):
        return "a caBundle does not verify the serving certificate"
    return ""


# The CA


def _authority(holding: Holding, found: Found, rules: Rules, now: datetime) -> _Change:
    """Return the CA to sign with and those to trust beside it, kept wherever they can be."""
    change = _signer(holding, found, rules, now)
    known = {identity(each) for each in (change.signer.certificate, *change.others)}
    unknown = distinct(_unknown(found.bundles, change.signer, now))
    adopted = tuple(each for each in unknown if identity(each) not in known)
    if not adopted:
        return change
    why = f"kept {len(adopted)} CA(s) of the caBundle that may still be served"
    return replace(change, others=(*change.others, *adopted), why=(*change.why, why))


def _signer(holding: Holding, found: Found, rules: Rules, now: datetime) -> _Change:
    signer, others = holding.signer, holding.others
    if signer is None and holding.key is None:
        return _Change(new_authority(now, rules.ca_life), others, ("made a CA",), answered=found.rotate == "ca")
    if signer is None and holding.key is not None:
        return _Change(restore_authority(holding.key, now, rules.ca_life), others, ("restored the CA's certificate",))
    assert signer is not None  # noqa: S101  # the two cases above
    if found.rotate == "ca":
        if _is_announcing(holding, signer):
            return _Change(signer, others, answered=True)  # a new CA is on its way already
        made = new_authority(now, rules.ca_life)
        return _Change(made, (signer.certificate, *others), ("made a new CA, as asked",), answered=True)
    if not is_current(signer.certificate, now) or renewal_time(signer.certificate) <= now:
        return _Change(restore_authority(signer.key, now, rules.ca_life), others, ("renewed the CA on its key",))
    return _Change(signer, others, _untidy(found, signer, others))


def _untidy(found: Found, signer: Authority, others: tuple[Certificate, ...]) -> tuple[str, ...]:
    """Say why `ca.crt` must be written although no CA has changed: an old one expired, or it holds something else."""
    assert found.secret is not None  # noqa: S101  # it holds the signer
    if found.secret[CA_CERTIFICATE] == pem_of(signer.certificate, *others):
        return ()
    return ("removed from ca.crt what nobody needs",)


def _is_announcing(holding: Holding, signer: Authority) -> bool:
    """Say whether a roll-over is in its first phase: `signer` is to be trusted, and has signed nothing yet."""
    is_used = holding.leaf is not None and is_issued_by(holding.leaf.certificate, signer.certificate)
    return bool(holding.others) and not is_used


def _unknown(bundles: Iterable[bytes], signer: Authority, now: datetime) -> list[Certificate]:
    """Return the CAs of each caBundle that lacks `signer`; see the module's last paragraph."""
    unknown: list[Certificate] = []
    for bundle in bundles:
        certificates = unexpired(certificates_of(bundle), now)
        if identity(signer.certificate) not in map(identity, certificates):
            unknown.extend(certificates)
    return unknown


# The serving certificate


def _leaf_is_due(leaf: Leaf | None, change: _Change, found: Found, rules: Rules, now: datetime) -> bool:
    return (
        leaf is None
        or found.rotate == "leaf"
        or not is_current(leaf.certificate, now)
        or renewal_time(leaf.certificate) <= now
        or not has_names(leaf.certificate, rules.names)
        or not is_issued_by(leaf.certificate, change.signer.certificate)
    )


def _may_serve(leaf: Leaf | None, change: _Change) -> bool:
    """Say whether the CA may sign what is served without being announced first.

    So it is where no other CA could be the one that is trusted, and where it signed what is served already.
    """
    return not change.others or (leaf is not None and is_issued_by(leaf.certificate, change.signer.certificate))


def _with_leaf(change: _Change, found: Found, rules: Rules, now: datetime) -> _Change:
    """Say that there is a new serving certificate, and have a CA that outlives it."""
    asked = found.rotate == "leaf"
    why = (*change.why, "issued a serving certificate" + (", as asked" if asked else ""))
    signer = change.signer
    if signer.expires < (now + rules.leaf_life).replace(microsecond=0):
        signer = restore_authority(signer.key, now, rules.ca_life)
        why = ("renewed the CA on its key", *why)
    return replace(change, signer=signer, why=why, answered=change.answered or asked)


def _store(found: Found, change: _Change, rules: Rules, now: datetime, *, new_leaf: bool) -> Store:
    """Write `change`, and leave everything in the Secret as it is that is not ours to change.

    Without a serving certificate there are two empty entries: the type kubernetes.io/tls asks for both.
    """
    data = {TLS_CERTIFICATE: b"", TLS_KEY: b"", **(found.secret or {})}
    data[CA_CERTIFICATE] = pem_of(change.signer.certificate, *change.others)
    stored_key = key_of(data)
    if stored_key is None or stored_key.public_key() != change.signer.key.public_key():
        data[CA_KEY] = change.signer.key_pem()
    if new_leaf:
        leaf = issue_leaf(change.signer, rules.names, now, rules.leaf_life)
        data[TLS_CERTIFICATE], data[TLS_KEY] = leaf.certificate_pem(), leaf.key_pem()
    return Store(data, change.answered, change.why)


def _next_renewal(holding: Holding, now: datetime) -> datetime:
    certificates = [holding.signer.certificate] if holding.signer else []
    certificates += [holding.leaf.certificate] if holding.leaf else []
    return min(map(renewal_time, certificates), default=now)
