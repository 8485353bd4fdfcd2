"""A small world in bent time: every order in which controllers, API servers and injectors may see what is written.

Three controllers look and write in single requests that take turns by chance; each may stall between any two, or be
killed and start anew. API servers see a caBundle late, injectors a Secret, each in its own time. After every request
each API server, by its own clock, shakes hands with each injector. All chance comes from a seed, which a failure shows.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from certs.authority import is_issued_by, parse_certificate
from certs.rotate import Found, Publish, Rules, Store, Wait, plan

START = datetime(2031, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BUNDLE_LAG, SECRET_LAG = 120.0, 100.0  # seconds
SKEW = 600.0  # seconds
RULES = Rules(names=("loghook.logs.svc",))
SOAK = bool(os.environ.get("LOGHOOK_SOAK"))


@dataclass
class Copy:
    """A copy of something that arrives late, in order."""

    value: bytes | None = None
    coming: list[tuple[float, bytes]] = field(default_factory=list)

    def send(self, at: float, value: bytes) -> None:
        self.coming.append((max(at, self.coming[-1][0]) if self.coming else at, value))

    def at(self, time: float) -> bytes | None:
        while self.coming and self.coming[0][0] <= time:
            self.value = self.coming.pop(0)[1]
        return self.value


class World:
    """One Secret, two configurations; what API servers and injectors see of them; and how handshakes ended."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # a test that can be repeated
        self.rules = rules
        self.time = 0.0
        self.secret: dict[str, bytes] | None = None
        self.secret_version = 0
        self.rotate = ""
        self.bundles = [b"", b""]
        self.versions = [0, 0]
        self.skews = [0.0, SKEW, -SKEW]
        self.seen_bundles = [[Copy() for _ in self.skews] for _ in self.bundles]
        self.injectors = [Copy(), Copy()]
        self.rotations = 0
        self.handshakes = 0
        self.failures: list[str] = []
        self.known: dict[bytes, tuple[datetime, datetime, list[tuple[datetime, datetime]]]] = {}

    def now(self, skew: float) -> datetime:
        return START + timedelta(seconds=self.time + skew)

    # What controllers do, one request each

    def put(self, version: int, step: Store) -> bool:
        if version != self.secret_version:
            return False
        before = self.secret or {}
        self.secret, self.secret_version = dict(step.data), version + 1
        self.rotate = "" if step.answered else self.rotate
        self.rotations += before.get("ca.key") != step.data["ca.key"]
        pair = step.data["tls.crt"]
        if pair and pair != before.get("tls.crt"):
            for injector in self.injectors:
                injector.send(self.time + self.chance.uniform(0, SECRET_LAG), pair)
        return True

    def patch(self, index: int, version: int, bundle: bytes) -> bool:
        if version != self.versions[index]:
            return False
        self.bundles[index], self.versions[index] = bundle, version + 1
        for copy in self.seen_bundles[index]:
            copy.send(self.time + self.chance.uniform(0, BUNDLE_LAG), bundle)
        return True

    # What callers do

    def shake_hands(self) -> None:
        for injector in self.injectors:
            leaf = injector.at(self.time)
            for copies in self.seen_bundles:
                for copy, skew in zip(copies, self.skews, strict=True):
                    bundle = copy.at(self.time)
                    if leaf and bundle:
                        self.handshakes += 1
                        self.failures += self.problems(leaf, bundle, self.now(skew))

    def problems(self, leaf: bytes, bundle: bytes, now: datetime) -> Iterator[str]:
        starts, ends, issuers = self.dates(leaf, bundle)
        if not any(ca_starts <= now < ca_ends for ca_starts, ca_ends in issuers):
            yield f"unknown authority at {self.time:.0f} s"
        if not starts <= now < ends:
            yield f"out of date at {self.time:.0f} s"

    def dates(self, leaf: bytes, bundle: bytes) -> tuple[datetime, datetime, list[tuple[datetime, datetime]]]:
        """The dates of the certificate, and of those CAs of `bundle` that signed it; signatures take time."""
        key = leaf + bundle
        if key not in self.known:
            certificate = parse_certificate(leaf)
            signers = [ca for ca in x509.load_pem_x509_certificates(bundle) if is_issued_by(certificate, ca)]
            dates = [(each.not_valid_before_utc, each.not_valid_after_utc) for each in (certificate, *signers)]
            self.known[key] = (*dates[0], dates[1:])
        return self.known[key]


def controller(world: World, *, secret_first: bool = False) -> Iterator[None]:
    """Look and act as `Controller` and `Cluster` do; each `yield` is a moment between two requests."""
    mark: Any = None
    since = 0.0
    while True:
        held, version = world.secret, world.secret_version
        if secret_first:
            yield
        before = list(zip(world.bundles, world.versions, strict=True))
        if not secret_first:
            yield
            held, version = world.secret, world.secret_version
        now = world.now(world.chance.choice(world.skews))
        if mark != (before, version):
            mark, since = (before, version), world.time
        found = Found(held, tuple(bundle for bundle, _ in before), world.rotate)
        step = plan(found, world.rules, now, timedelta(seconds=world.time - since))
        yield
        if isinstance(step, Store):
            world.put(version, step)
        elif isinstance(step, Publish):
            for index, (bundle, seen) in enumerate(before):
                if bundle != step.bundle and not world.patch(index, seen, step.bundle):
                    break
                yield


def live(world: World, rotations: int, *, secret_first: bool = False) -> None:
    """Let three controllers run until the CA has had as many keys, asked for again and again, and at any time."""
    running = [controller(world, secret_first=secret_first) for _ in range(3)]
    chance = world.chance
    for _ in range(2000 * rotations):
        index = chance.randrange(len(running))
        if chance.random() < 0.002:
            running[index] = controller(world, secret_first=secret_first)  # killed
        next(running[index])
        world.shake_hands()
        world.time += chance.uniform(0, 5) if chance.random() < 0.9 else chance.uniform(0, 300)
        if world.rotations >= rotations:
            return
        if chance.random() < 0.01:
            world.rotate = chance.choice(["ca", "ca", "ca", "leaf"])
            world.secret_version += world.secret is not None
    pytest.fail(f"only {world.rotations} roll-overs came to their end")


@pytest.mark.parametrize("seed", range(40 if SOAK else 4))
def test_fifty_new_keys_never_meet_an_unknown_authority(seed: int) -> None:
    world = World(seed, RULES)
    live(world, 50)
    assert world.failures == []
    assert world.handshakes > 10_000


@pytest.mark.parametrize(
    "rules",
    [
        Rules(names=RULES.names, settle=timedelta(), overlap=RULES.overlap),
        Rules(names=RULES.names, settle=RULES.settle, overlap=timedelta()),
    ],
    ids=["without settling", "without overlap"],
)
def test_each_wait_is_needed(rules: Rules) -> None:
    """The control: a world in which nobody waits must show the outage that the waiting prevents."""
    world = World(0, rules)
    live(world, 20)
    assert any("unknown authority" in failure for failure in world.failures)


def test_reading_the_secret_first_would_let_a_slow_controller_undo_a_roll_over() -> None:
    """The control of `Cluster.observe`: the other order lets an old bundle be put over a newer one."""
    for seed in range(5):
        world = World(seed, RULES)
        live(world, 50, secret_first=True)
        if any("unknown authority" in failure for failure in world.failures):
            return
    pytest.fail("the order of reading makes no difference, or this test cannot show it")


def lose(world: World, what: str) -> None:
    """What people do to a cluster, which must not cost a handshake."""
    assert world.secret is not None
    keep = {"the Secret": (), "the CA's key": ("ca.crt", "tls.crt", "tls.key"), "the certificates": ("ca.key",)}[what]
    world.secret = {key: world.secret[key] for key in keep} or None
    world.secret_version += 1


@pytest.mark.parametrize("what", ["the Secret", "the CA's key", "the certificates"])
@pytest.mark.parametrize("seed", range(20 if SOAK else 2))
def test_a_loss_costs_no_handshake(seed: int, what: str) -> None:
    world = World(seed, RULES)
    settle(world)
    for _ in range(5):
        world.rotate = world.chance.choice(["", "ca"])
        settle(world)
        lose(world, what)
        settle(world)
    assert world.failures == []


def settle(world: World) -> None:
    """Let one controller finish everything that is under way."""
    alone = controller(world)
    for _ in range(150):
        next(alone)
        world.shake_hands()
        world.time += 30.0


def test_a_year_with_suspends_and_wrong_clocks_never_shows_a_bad_date() -> None:
    """Lives of ten days, so that a year has more than fifty renewals of the leaf and several of the CA."""
    rules = Rules(names=RULES.names, ca_life=40 * DAY, leaf_life=10 * DAY)
    world = World(7, rules)
    running = [controller(world), controller(world)]
    chance = world.chance
    leaves, authorities = set(), set()
    while world.time < timedelta(days=366).total_seconds():
        for _ in range(chance.randrange(20, 60)):  # awake, for some minutes
            next(chance.choice(running))
            world.time += chance.uniform(0, 30)
            world.shake_hands()
        world.time += chance.uniform(0, 2.5 * 86400)  # asleep; a third of a leaf's life is 3.3 days
        world.shake_hands()
        assert world.secret is not None
        leaves.add(world.secret["tls.crt"])
        authorities.add(world.secret["ca.crt"])
    assert world.failures == []
    assert world.rotations == 1  # the first: no renewal needs a new key
    assert len(leaves) > 30
    assert len(authorities) > 5


def test_a_year_of_the_usual_lives_renews_five_or_six_times() -> None:
    world = World(8, RULES)
    alone = controller(world)
    leaves = set()
    while world.time < timedelta(days=365).total_seconds():
        for _ in range(6):
            next(alone)
            world.time += 5
        world.shake_hands()
        world.time += world.chance.uniform(0, 20 * 86400)
        assert world.secret is not None
        leaves.add(world.secret["tls.crt"])
    assert world.failures == []
    assert 5 <= len(leaves) <= 7


def test_a_wait_is_never_cut_short_by_a_clock_that_jumps() -> None:
    """The stopwatch counts, not dates: the same `held` gives the same answer at any time in the certificates' lives."""
    found = Found(None, (b"",))
    first = plan(found, RULES, START, timedelta())
    assert isinstance(first, Store)
    asked = Found(first.data, (first.data["ca.crt"],), "ca")
    announced = plan(asked, RULES, START, timedelta())
    assert isinstance(announced, Store)
    published = Found(announced.data, (announced.data["ca.crt"],))
    for jump in (timedelta(minutes=-10), timedelta(), timedelta(minutes=10), timedelta(days=30)):
        step = plan(published, RULES, START + jump, timedelta(seconds=1))
        assert step == Wait(RULES.settle - timedelta(seconds=1), "announce")
