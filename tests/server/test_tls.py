"""The serving pair: what is refused, what is served, and how it is swapped."""

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certs.authority import Authority, Pair, issue_leaf, new_authority
from webhook.server import files as followed
from webhook.server import tls
from webhook.server.tls import Files, PairError, ServingPair, load

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(NOW - timedelta(days=400), timedelta(days=4000))


@pytest.fixture
def leaf(authority: Authority) -> Pair:
    return issue_leaf(authority, ["localhost"], NOW)


@pytest.fixture
def files(tmp_path: Path, leaf: Pair) -> tuple[Path, Path]:
    return write(tmp_path, leaf)


def write(folder: Path, pair: Pair) -> tuple[Path, Path]:
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(pair.certificate_pem())
    files[1].write_bytes(pair.key_pem())
    return files


def problem(certificate: Path, key: Path, now: datetime = NOW, **more: Any) -> str:
    """What `load` says, its files without their folder."""
    with pytest.raises(PairError) as caught:
        load(Files(certificate, key, **more), now)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{certificate.parent}/", "")


def test_a_good_pair_is_loaded_with_its_end(files: tuple[Path, Path], leaf: Pair) -> None:
    pair = load(Files(*files), NOW)
    assert pair.not_after == leaf.certificate.not_valid_after_utc
    assert pair.not_before == leaf.certificate.not_valid_before_utc


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_file_is_named(files: tuple[Path, Path], which: int) -> None:
    files[which].unlink()
    assert problem(*files) == f"{files[which].name}: no such file or directory"


@pytest.mark.parametrize("which", [0, 1])
def test_a_folder_is_no_file(files: tuple[Path, Path], which: int) -> None:
    files[which].unlink()
    files[which].mkdir()
    assert problem(*files) == f"{files[which].name}: is a directory"


def test_a_file_that_may_not_be_read_is_named(files: tuple[Path, Path]) -> None:
    if os.geteuid() == 0:
        pytest.skip("NOT TESTED: root may read every file")
    files[1].chmod(0)
    assert problem(*files) == "tls.key: permission denied"


@pytest.mark.parametrize(
    "content", [b"", b"CANARY", b"-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(files: tuple[Path, Path], content: bytes) -> None:
    files[0].write_bytes(content)
    assert problem(*files) == "tls.crt: holds no certificate in PEM form, or a damaged one"


@pytest.mark.parametrize(
    "content", [b"", b"CANARY", b"-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused(files: tuple[Path, Path], content: bytes) -> None:
    files[1].write_bytes(content)
    assert problem(*files) == "tls.key: holds no private key in PEM form, or a damaged one"


def test_a_huge_file_is_not_read(files: tuple[Path, Path]) -> None:
    files[0].write_bytes(b"x" * 2_000_000)
    assert problem(*files) == "tls.crt: has more than 1048576 bytes"


def test_an_encrypted_key_is_refused_and_nobody_asked(files: tuple[Path, Path], leaf: Pair) -> None:
    encryption = serialization.BestAvailableEncryption(b"secret")
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files[1].write_bytes(leaf.key.private_bytes(*formats, encryption))
    assert problem(*files) == "tls.key: is encrypted, and nobody is there to type the password"


def test_a_key_of_another_certificate_is_refused(files: tuple[Path, Path], authority: Authority) -> None:
    files[1].write_bytes(issue_leaf(authority, ["localhost"], NOW).key_pem())
    assert problem(*files) == "tls.key is not the key of tls.crt"


def test_a_certificate_that_has_expired_is_refused(tmp_path: Path, authority: Authority) -> None:
    old = issue_leaf(authority, ["localhost"], NOW - timedelta(days=9), timedelta(days=8))
    assert problem(*write(tmp_path, old)) == f"tls.crt: expired on {old.certificate.not_valid_after_utc:%F %T} UTC"


def test_a_certificate_of_the_future_is_refused(tmp_path: Path, authority: Authority) -> None:
    early = issue_leaf(authority, ["localhost"], NOW + timedelta(days=3))
    begins = f"{early.certificate.not_valid_before_utc:%F %T} UTC"
    said = problem(*write(tmp_path, early))
    assert said == f"tls.crt: is not valid before {begins}; is the clock of this machine right?"


def test_a_pair_that_changes_while_it_is_read_is_refused(
    files: tuple[Path, Path], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tls.new_context

    def rotate_and_make() -> ssl.SSLContext:
        write(files[0].parent, issue_leaf(authority, ["localhost"], NOW))
        return make()

    monkeypatch.setattr(tls, "new_context", rotate_and_make)
    assert problem(*files) == "tls.crt or tls.key was written while it was read"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken_in_http_1_1(server: Any, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cadata=certificates(server.context))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with server.open_socket(context) as connection:
        assert connection.version() == version.name.replace("_", ".")
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_tls_1_1_is_refused(server: Any) -> None:
    context = ssl.create_default_context(cadata=certificates(server.context))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about asking for TLS 1.1
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # at the level above, the client itself would refuse
    with pytest.raises(ssl.SSLError, match=r"EOF|PROTOCOL_VERSION"):
        server.open_socket(context)


def test_ciphers_without_forward_secrecy_are_refused(server: Any) -> None:
    context = ssl.create_default_context(cadata=certificates(server.context))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA")
    with pytest.raises(ssl.SSLError, match=r"EOF|HANDSHAKE_FAILURE"):
        server.open_socket(context)


def test_a_caller_without_a_server_name_is_served(server: Any, review: Any) -> None:
    context = ssl.create_default_context(cadata=certificates(server.context))
    context.check_hostname = False
    plain = socket.create_connection(("127.0.0.1", server.port), 120)
    with server.open_socket() as with_name, context.wrap_socket(plain) as without:
        assert without.getpeercert(binary_form=True) == with_name.getpeercert(binary_form=True)
    assert server.ask(body=review()).status == 200


def certificates(context: ssl.SSLContext) -> bytes:
    """The CAs that a context trusts, as DER."""
    return b"".join(context.get_ca_certs(binary_form=True))


class Following:
    """A pair that follows its files, real handshakes with it, and what it told."""

    def __init__(self, pair: ServingPair, authority: Authority) -> None:
        self.pair = pair
        self.told: asyncio.Queue[Exception | None] = asyncio.Queue()
        self._client = ssl.create_default_context(cadata=authority.certificate_pem().decode())

    def serial(self) -> int:
        """The serial number of the certificate that a new connection is shown."""
        client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
        client = self._client.wrap_bio(client_in, client_out, server_hostname="localhost")
        server = self.pair.context.wrap_bio(server_in, server_out, server_side=True)
        for _ in range(10):
            for side, out, into in ((client, client_out, server_in), (server, server_out, client_in)):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                into.write(out.read())
        der = client.getpeercert(binary_form=True)
        assert der
        return x509.load_der_x509_certificate(der).serial_number


@pytest.fixture
def follow(
    files: tuple[Path, Path], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], "contextlib.AbstractAsyncContextManager[Following]"]:
    monkeypatch.setattr(followed, "POLL_SECONDS", 0.01)

    @contextlib.asynccontextmanager
    async def following() -> Any:
        one = Following(ServingPair(Files(*files)), authority)
        task = asyncio.create_task(one.pair.follow(one.told.put_nowait))
        yield one
        task.cancel()

    return following


def test_a_new_pair_is_served_to_the_next_connection(
    follow: Any, files: tuple[Path, Path], leaf: Pair, authority: Authority
) -> None:
    async def scenario() -> None:
        async with follow() as following:
            assert following.serial() == leaf.certificate.serial_number
            new = issue_leaf(authority, ["localhost"], NOW)
            write(files[0].parent, new)
            while await asyncio.wait_for(following.told.get(), 120) is not None:
                pass  # the moment between the two files may be seen
            assert following.serial() == new.certificate.serial_number
            assert following.pair.pair.not_after == new.certificate.not_valid_after_utc

    asyncio.run(scenario())


def test_a_bad_pair_is_told_about_once_and_the_last_good_one_goes_on(
    follow: Any, files: tuple[Path, Path], leaf: Pair, authority: Authority
) -> None:
    async def scenario() -> None:
        async with follow() as following:
            new = issue_leaf(authority, ["localhost"], NOW)
            files[0].write_bytes(new.certificate_pem())
            assert "is not the key of" in str(await asyncio.wait_for(following.told.get(), 120))
            await asyncio.sleep(0.1)  # ten more looks at the same bad pair
            assert following.told.empty()
            assert following.serial() == leaf.certificate.serial_number
            files[1].write_bytes(new.key_pem())
            assert await asyncio.wait_for(following.told.get(), 120) is None
            assert following.serial() == new.certificate.serial_number

    asyncio.run(scenario())


def test_a_swapped_link_is_followed(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted Secret: links through `..data`, which the kubelet renames over."""
    monkeypatch.setattr(followed, "POLL_SECONDS", 0.01)
    old, new = (issue_leaf(authority, ["localhost"], NOW) for _ in range(2))
    for name, each in (("..1", old), ("..2", new)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, each)
    (tmp_path / "..data").symlink_to("..1")
    for file in ("tls.crt", "tls.key"):
        (tmp_path / file).symlink_to(f"..data/{file}")

    async def scenario() -> None:
        following = Following(ServingPair(Files(tmp_path / "tls.crt", tmp_path / "tls.key")), authority)
        task = asyncio.create_task(following.pair.follow(following.told.put_nowait))
        (tmp_path / "..tmp").symlink_to("..2")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        shutil.rmtree(tmp_path / "..1")
        assert await asyncio.wait_for(following.told.get(), 120) is None
        assert following.serial() == new.certificate.serial_number
        task.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("life", "left", "said"),
    [
        (timedelta(days=90), timedelta(days=8), None),  # a tenth, but a week is enough to wake somebody
        (timedelta(days=90), timedelta(minutes=61), None),
        (timedelta(days=90), timedelta(minutes=59), "the certificate is about to expire"),
        (timedelta(hours=2), timedelta(minutes=19), None),  # an hour is issued for the past, so three in all
        (timedelta(hours=2), timedelta(minutes=17), "the certificate is about to expire"),
        (timedelta(hours=2), timedelta(), "the certificate has expired"),
    ],
)
def test_callers_are_sent_elsewhere_when_little_life_is_left(
    tmp_path: Path, authority: Authority, life: timedelta, left: timedelta, said: str | None
) -> None:
    pair = ServingPair(Files(*write(tmp_path, issue_leaf(authority, ["localhost"], NOW, life))))
    assert pair.hindrance(pair.pair.not_after - left) == said
