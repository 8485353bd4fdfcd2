"""What a connection's bytes go through: a record of TLS at a time, and nothing that is kept for somebody else."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhook.server.tls import Files, ServingPair
from webhook.server.wire import HANDSHAKE_BYTES, HOLLOW_RECORDS, RECORD_BYTES, Buffers, HollowError, SecuredWire, Wire

RECORD = b"\x17\x03\x03\x00\x05there"  # as long as it says
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Caller:
    """The other end of a secured wire, whose bytes are sent when a test says so."""

    def __init__(self, theirs: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = theirs
        self.has_heard_the_end = False
        self._arrived, self._made = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._made, server_hostname="localhost")

    def shakes_hands(self) -> bool:
        """Go on with the handshake, and send nothing; whether it is over."""
        with suppress(BlockingIOError):
            self._arrived.write(self.socket.recv(65536))
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
            return True
        return False

    def says(self, *contents: bytes) -> bytes:
        """The bytes that are to be sent: what is left of the handshake, and a record for each content."""
        for content in contents:
            assert self._tls.write(content) == len(content)
        return self._made.read()

    def hears(self) -> bytes:
        """All that has come."""
        heard = b""
        with suppress(BlockingIOError):
            while piece := self.socket.recv(65536):
                self._arrived.write(piece)
        with suppress(ssl.SSLWantReadError):
            while content := self._tls.read(65536):
                heard += content
            self.has_heard_the_end = True
        return heard


def shake_hands(wire: SecuredWire, caller: Caller, *contents: bytes) -> None:
    """Shake hands; the contents come right behind the caller's last word of it."""
    has_shaken = has_served = False
    while not (has_shaken and has_served):
        if not has_shaken:
            has_shaken = caller.shakes_hands()
            caller.socket.sendall(caller.says(*contents * has_shaken))
        if not has_served:
            with suppress(ssl.SSLWantReadError, BlockingIOError):
                wire.shake_hands()
                has_served = True


class Ends(ExitStack):
    """Both ends of connections, by one version of TLS, whose wires have all the same `buffers`."""

    def __init__(self, pki: Path, version: ssl.TLSVersion) -> None:
        super().__init__()
        self.buffers = Buffers.new()
        self._serving = ServingPair(Files(pki / "tls.crt", pki / "tls.key")).context
        self._trusting = ssl.create_default_context(cafile=pki / "ca.crt")
        self._trusting.maximum_version = version

    def begun(self) -> tuple[SecuredWire, Caller]:
        """Two ends that have yet to shake hands."""
        ours, theirs = map(self.enter_context, socket.socketpair())
        ours.settimeout(0)
        theirs.settimeout(0)
        return SecuredWire(ours, self._serving, self.buffers), Caller(theirs, self._trusting)

    def connected(self) -> tuple[SecuredWire, Caller]:
        """Two ends that have shaken hands."""
        wire, caller = self.begun()
        shake_hands(wire, caller)
        return wire, caller


VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)


def read_on(wire: SecuredWire) -> Iterator[bytes]:
    """What can be read for now."""
    with suppress(BlockingIOError):
        while content := wire.read():
            yield content


@VERSIONS
@PATIENT
@given(
    contents=st.lists(st.integers(1, 3 * RECORD_BYTES), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 150_000), max_size=12),
)
def test_content_comes_a_record_at_a_time_however_it_is_cut(
    pki: Path, version: ssl.TLSVersion, contents: list[int], cuts: list[int]
) -> None:
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        sent = [b"%d" % number * size for number, size in enumerate(contents)]
        made = caller.says(*sent)
        came: list[bytes] = []
        for start, end in pairwise(sorted({0, len(made), *(cut for cut in cuts if cut < len(made))})):
            rest = memoryview(made)[start:end]
            while rest:
                with suppress(BlockingIOError):
                    rest = rest[caller.socket.send(rest) :]
                came += read_on(wire)
                assert not wire.has_more  # or nobody would come back to it
        assert b"".join(came) == b"".join(sent)
        assert max(map(len, came)) <= RECORD_BYTES
        assert not ends.buffers.arrived.pending
        caller.socket.close()
        assert wire.read() == b""


@VERSIONS
def test_no_more_than_a_record_is_opened_at_once(pki: Path, version: ssl.TLSVersion) -> None:
    """The next one is here, in no socket, and known to be."""
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        caller.socket.sendall(caller.says(b"one", b"two"))
        assert wire.read() == b"one"
        assert wire.has_more
        assert wire.read() == b"two"
        assert not wire.has_more


def test_what_comes_right_behind_the_handshake_is_read(pki: Path) -> None:
    """Go's client sends its request with the handshake's last word; there is nothing left in the socket then."""
    with Ends(pki, ssl.TLSVersion.TLSv1_3) as ends:
        wire, caller = ends.begun()
        shake_hands(wire, caller, b"POST", b"/mutate")
        assert wire.has_more
        assert list(read_on(wire)) == [b"POST", b"/mutate"]


def heard(theirs: socket.socket) -> Iterator[bytes]:
    """What has come to a caller, as it came."""
    with suppress(BlockingIOError):
        while piece := theirs.recv(65536):
            yield piece


def hello(context: ssl.SSLContext, protocols: int) -> bytes:
    """A caller's first word, made long by the names of so many protocols; the last of them is ours."""
    context.set_alpn_protocols([*["a" * 250] * protocols, "http/1.1"])
    arrived, made = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(arrived, made, server_hostname="localhost").do_handshake()
    return made.read()


def shake_on(wire: SecuredWire) -> None:
    """Take all that has come of a handshake."""
    while True:
        with suppress(ssl.SSLWantReadError):
            wire.shake_hands()


def test_a_handshake_has_no_more_than_it_needs(pki: Path) -> None:
    """OpenSSL would take this one, and others of this length take it many milliseconds."""
    with Ends(pki, ssl.TLSVersion.TLSv1_3) as ends:
        for protocols, is_long in ((40, False), (80, True)):
            wire, caller = ends.begun()
            said = hello(ssl.create_default_context(cafile=pki / "ca.crt"), protocols)
            assert (len(said) > HANDSHAKE_BYTES) is is_long
            caller.socket.sendall(said)
            with pytest.raises(ConnectionAbortedError if is_long else BlockingIOError):
                shake_on(wire)
            assert bool(list(heard(caller.socket))) is not is_long
            assert not any(buffer.pending for buffer in ends.buffers)


@VERSIONS
@PATIENT
@given(record=st.binary(max_size=200), more=st.integers(0, 2), kind=st.sampled_from([20, 21, 22, 23, 24, 128]))
def test_what_one_sends_is_nothing_to_another(
    pki: Path, version: ssl.TLSVersion, record: bytes, more: int, kind: int
) -> None:
    """Whatever it is: all wires have the same buffers, and what is left in them would come to whoever is next."""
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        broken, breaking = ends.connected()
        new, beginning = ends.begun()
        garbage = bytes([kind, 3, 3]) + (len(record) + more).to_bytes(2) + record
        for step, one, other in ((broken.read, broken, breaking), (new.shake_hands, new, beginning)):
            other.socket.sendall(garbage * 3)
            for _ in range(3):
                with suppress(OSError, ValueError):
                    step()
                assert not any(buffer.pending for buffer in ends.buffers)
            one.end()
            assert not any(buffer.pending for buffer in ends.buffers)
        caller.socket.sendall(caller.says(b"a review"))
        assert wire.read() == b"a review"
        wire.write(b"an answer")
        assert caller.hears() == b"an answer"


@VERSIONS
def test_a_length_that_no_record_has_is_not_waited_for(pki: Path, version: ssl.TLSVersion) -> None:
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        caller.socket.sendall(b"\x17\x03\x03\xff\xff" + bytes(RECORD_BYTES + 2048))
        with pytest.raises(ssl.SSLError):
            wire.read()
        assert not ends.buffers.arrived.pending


class Hollow:
    """TLS that finds nothing in a record but where it is told to, and has something to say to each if it is told to.

    It stands for OpenSSL with a caller who changes keys all the time.
    """

    def __init__(self, buffers: Buffers, says: bytes = b"") -> None:
        self.content = b""
        self.opened: list[bytes] = []
        self.buffers = buffers
        self._says = says

    def wrap_bio(self, *buffers: ssl.MemoryBIO, server_side: bool) -> "Hollow":
        assert (buffers, server_side) == (self.buffers, True)
        return self

    def read(self, size: int) -> bytes:
        assert size >= len(RECORD)
        self.opened.append(self.buffers.arrived.read())
        self.buffers.made.write(self._says)
        if not self.content:
            raise ssl.SSLWantReadError
        return self.content


@contextmanager
def hollow_wire(says: bytes = b"") -> Iterator[tuple[SecuredWire, Hollow, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        buffers = Buffers.new()
        hollow = Hollow(buffers, says)
        yield SecuredWire(ours, cast("Any", hollow), buffers), hollow, theirs


def test_records_without_content_have_an_end() -> None:
    """One read is one record, so that others have their turn; and not many of them come in a row."""
    with hollow_wire() as (wire, hollow, theirs):
        theirs.sendall(RECORD * 3 * HOLLOW_RECORDS)
        for number in range(HOLLOW_RECORDS):
            with pytest.raises(ssl.SSLWantReadError):
                wire.read()
            assert hollow.opened == [RECORD] * (number + 1)
            assert wire.has_more
        hollow.content = b"some"
        assert wire.read() == b"some"
        hollow.content = b""
        for _ in range(HOLLOW_RECORDS):
            with pytest.raises(ssl.SSLWantReadError):
                wire.read()
        with pytest.raises(HollowError):
            wire.read()


def test_who_does_not_listen_to_tls_itself_is_not_answered_without_end() -> None:
    with hollow_wire(b"a" * 4096) as (wire, hollow, theirs):
        hollow.content = b"some"
        with pytest.raises(ConnectionAbortedError, match="not listened to"):  # noqa: PT012  # one of many
            while True:
                theirs.sendall(RECORD)
                wire.read()
        assert len(wire.unsent) <= 4096
        assert not hollow.buffers.made.pending


@VERSIONS
@PATIENT
@given(sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=4))
def test_answers_come_whole_to_whoever_reads_slowly(pki: Path, version: ssl.TLSVersion, sizes: list[int]) -> None:
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        answers = [b"%d" % number * size for number, size in enumerate(sizes)]
        for answer in answers:
            wire.write(answer)
            assert not ends.buffers.made.pending
        heard = b""
        while len(heard) < sum(sizes):
            heard += caller.hears()
            wire.flush()
        assert heard == b"".join(answers)
        assert not wire.unsent


@VERSIONS
def test_the_end_is_said(pki: Path, version: ssl.TLSVersion) -> None:
    """Else it could be an attacker's: whoever reads until the end would take a part for the whole."""
    with Ends(pki, version) as ends:
        wire, caller = ends.connected()
        wire.write(b"goodbye")
        wire.end().close()
        assert caller.hears() == b"goodbye"
        assert caller.has_heard_the_end


def test_a_bare_wire_sends_what_there_was_no_room_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        wire = Wire(ours)
        wire.write(b"a" * 4 * 1024 * 1024)
        wire.write(b"b")
        assert wire.unsent
        heard = b""
        while not heard.endswith(b"b"):
            heard += theirs.recv(1024 * 1024)
            if wire.unsent:
                wire.flush()
        assert heard == b"a" * 4 * 1024 * 1024 + b"b"
        assert wire.end() is ours
