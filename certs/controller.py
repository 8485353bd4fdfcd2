"""The loop of the self-managed certificates: look, plan, do one thing, look again; then wait for a change.

It holds nothing but a stopwatch: a controller that is killed anywhere, or runs twice, or finds the world changed, looks
at what is there and goes on from that. It looks when a watch reports a change, and every `RESYNC_SECONDS` anyway, since
a watch can be dead without anybody noticing.

**What news cannot hurry.** After a failure nobody looks before its time: the API server may have said how long to stay
away. Where somebody else keeps writing what is written here (another controller, a GitOps tool), each writing is news
to the other; so whoever has written a lot lately waits `MOST_BACKOFF_SECONDS` before looking again, and says so. And a
watch that ends as soon as it has begun is begun anew later each time.
"""

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Hashable
from datetime import timedelta

from certs.answers import ClusterError
from certs.cluster import ROTATE, Cluster, Kind, Observation
from certs.health import Health, say
from certs.rotate import Publish, Rules, Store, Trust, Wait, plan, trust

__all__ = ["Controller"]

RESYNC_SECONDS = 10.0
MOST_BACKOFF_SECONDS = 5.0
"""So that everything is looked at soon after the API server is back."""

COALESCE_SECONDS = 0.1  # several events within this time cause one look
_MOST_STEPS = 20  # of one turn; the longest roll-over has 3 between two waits
_MANY_WRITES = 20  # in a minute, and each of a turn's steps is one; a roll-over has a handful, and minutes between them
_LATELY_SECONDS = 60.0
_AFTER_CONFLICT_SECONDS = 0.2
_USUAL_CONFLICTS = 5  # of several controllers that begin at once; more are somebody else's
_SHORTEST_WATCH_SECONDS = 1.0  # what ends sooner has failed, whatever it says
_PHASES = {
    "announce": "the new CA is announced, the old certificate still served",
    "overlap": "the new certificate is served, the old CA still trusted",
}


class Controller:
    """Looks after the certificates of one `Cluster` by `rules`. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        cluster: Cluster,
        rules: Rules,
        health: Health,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._rules = rules
        self._health = health
        self._clock = clock
        self._stopwatch: tuple[Hashable, float] = (None, 0.0)
        self._said: dict[str, str] = {}
        self._failures = self._conflicts = 0
        self._writes: deque[float] = deque(maxlen=_MANY_WRITES)
        self._is_done = False
        self._stop = threading.Event()
        self._wake = threading.Event()

    def run(self) -> None:
        """Go on until `stop`."""
        for kind, name in ((None, self._cluster.place.secret), *self._cluster.place.configurations):
            threading.Thread(target=self._follow, args=(kind, name), name=f"watch {name}", daemon=True).start()
        while not self._stop.is_set():
            delay = self.turn()
            (self._wake if self._is_done else self._stop).wait(delay)
            self._stop.wait(MOST_BACKOFF_SECONDS if self._writes_much() else COALESCE_SECONDS)
            self._wake.clear()

    def run_once(self, patience: float) -> bool:
        """Do what needs no waiting, within `patience` seconds; say whether callers trust the injector then."""
        deadline = self._clock() + patience
        while not self._stop.is_set():
            delay = self.turn()
            if self._is_done:
                break
            if self._clock() + delay > deadline:
                return False
            self._stop.wait(delay)
        return not self._health.hindrance()

    def stop(self) -> None:
        """End `run`; what is being written is finished first. May be called from a signal handler."""
        self._stop.set()
        self._wake.set()

    def turn(self) -> float:
        """Look and act until there is nothing to do at once; return after how many seconds to look again."""
        self._is_done = False
        try:
            for _ in range(_MOST_STEPS):
                self._health.beat()
                delay = self._step()
                if delay is not None:
                    self._is_done = True
                    self._recovered()
                    return delay
        except ClusterError as error:
            return self._failed(error.why, str(error), error.after)
        except Exception as error:  # noqa: BLE001  # whatever it is, looking again later is the best there is to do
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].filename}:{frames[-1].lineno}"
            return self._failed("unexpected", f"{type(error).__name__} at {where}", 0.0)
        return self._failed("unexpected", "what was written is not what is read: somebody else writes it too", 0.0)

    def _step(self) -> float | None:
        """Look, and do one thing. Return None where there may be more to do."""
        seen = self._cluster.observe()
        found = trust(seen.found, self._rules.names, seen.now)
        self._health.saw(found, seen.missing, seen.now)
        self._tell(seen, found)
        step = plan(seen.found, self._rules, seen.now, self._held(seen.mark))
        self._health.is_in(step.phase if isinstance(step, Wait) else None)
        if isinstance(step, Store):
            self._store(seen, step)
            return None
        if not seen.is_owned:
            self._cluster.adopt(seen)
            return None
        if isinstance(step, Publish):
            for name in self._cluster.publish(seen, step.bundle):
                self._wrote("ca_bundle")
                say("info", "published the caBundle", configuration=name)
            return None
        if self._cluster.disown(seen):
            return None
        if isinstance(step, Wait):
            self._tell_once("phase", "info", _PHASES[step.phase], seconds=step.left.total_seconds())
            return min(step.left.total_seconds(), RESYNC_SECONDS)
        self._tell_once("phase", "info", "all is as it should be", expires=found.serving, renewal=step.until)
        return RESYNC_SECONDS

    def _held(self, mark: Hashable) -> timedelta:
        """Return for how long everything was seen to be as it is."""
        if self._stopwatch[0] != mark:
            self._stopwatch = (mark, self._clock())
        return timedelta(seconds=self._clock() - self._stopwatch[1])

    def _store(self, seen: Observation, step: Store) -> None:
        self._cluster.store(seen, step)
        self._wrote("secret")
        say("info", "wrote the Secret", why=step.why or ("answered the annotation",))

    def _wrote(self, what: str) -> None:
        self._health.wrote(what)
        self._writes.append(self._clock())

    def _writes_much(self) -> bool:
        """Say whether more was written lately than anybody but somebody else who writes it too can be the cause of."""
        much = len(self._writes) == _MANY_WRITES and self._clock() - self._writes[0] < _LATELY_SECONDS
        self._tell_once("rival", "warning", "somebody else keeps writing the Secret or a caBundle" if much else "")
        return much

    def _failed(self, why: str, text: str, after: float) -> float:
        """Count and tell a failure; return when to try again, later each time: soon after a conflict or a few."""
        self._health.failed(why)
        if why == "conflict":
            self._conflicts += 1
            if self._conflicts > _USUAL_CONFLICTS:
                self._tell_once("failure", "error", text)
            return max(after, _backoff(self._conflicts, least=_AFTER_CONFLICT_SECONDS))
        self._failures += 1
        self._tell_once("failure", "error", text)
        return max(after, _backoff(self._failures))

    def _recovered(self) -> None:
        if self._failures:
            say("info", "the API server answers again", failures=self._failures)
        self._failures = self._conflicts = 0
        self._said.pop("failure", None)

    def _tell(self, seen: Observation, found: Trust) -> None:
        """Say what an administrator may have to act upon, when it changes."""
        self._tell_once("trust", "warning" if found.problem else "info", found.problem or "callers trust the injector")
        missing = ", ".join(seen.missing)
        self._tell_once("missing", "info", f"waiting for the webhook configuration {missing}" if missing else "")
        wrong = seen.found.rotate not in ("", "leaf", "ca")
        self._tell_once("rotate", "warning", f"the annotation {ROTATE} must be leaf or ca" if wrong else "")

    def _tell_once(self, about: str, level: str, text: str, **details: object) -> None:
        """Write a line, unless the last one about this said the same; an empty `text` is nothing to say."""
        if self._said.get(about, "") != text:
            self._said[about] = text
            if text:
                say(level, text, **details)

    def _follow(self, kind: Kind | None, name: str) -> None:
        """Wake the loop at each change of one object, for ever."""
        failures = 0
        while not self._stop.is_set():
            began = self._clock()
            after = 0.0
            try:
                self._cluster.watch(kind, name, self._wake.set)
                failures = failures + 1 if self._clock() - began < _SHORTEST_WATCH_SECONDS else 0
            except ClusterError as error:
                failures += 1
                self._health.failed(error.why)
                after = error.after
            except Exception:  # noqa: BLE001  # looking every few seconds goes on without this watch; try it again
                failures += 1
                self._health.failed("unexpected")
            self._stop.wait(max(after, _backoff(failures) if failures else COALESCE_SECONDS))


def _backoff(failures: int, least: float = 0.5) -> float:
    """Return for how many seconds to stay away after so many failures in a row: `least`, doubled each time.

    Up to half of it is left off by chance, so that those who failed together do not come back together.
    """
    doubled: float = least * 2 ** min(failures - 1, 8)
    return min(MOST_BACKOFF_SECONDS, doubled) * random.uniform(0.5, 1)  # noqa: S311  # nothing secret
