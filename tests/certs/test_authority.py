"""The CA and its serving certificates, byte by byte and by the judgement of `openssl verify -x509_strict`."""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from certs.authority import (
    BACKDATE,
    Authority,
    BadCertificateError,
    BadNameError,
    Pair,
    is_issued_by,
    issue_leaf,
    names_of,
    new_authority,
    parse_certificate,
    parse_key,
    parse_names,
    renew_authority,
    renewal_time,
)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def extensions(certificate: x509.Certificate) -> dict[str, tuple[bool, Any]]:
    return {type(each.value).__name__: (each.critical, each.value) for each in certificate.extensions}


def usages(usage: x509.KeyUsage) -> set[str]:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {name for name in (*names, "key_cert_sign", "crl_sign") if getattr(usage, name)}


# What a certificate holds


def test_a_ca_has_exactly_the_extensions_that_strict_verifiers_ask_for(authority: Authority) -> None:
    found = extensions(authority.certificate)
    key_id = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key()).digest
    assert found.pop("BasicConstraints") == (True, x509.BasicConstraints(ca=True, path_length=0))
    critical, usage = found.pop("KeyUsage")
    assert critical
    assert usages(usage) == {"key_cert_sign", "crl_sign"}
    assert found.pop("SubjectKeyIdentifier") == (False, x509.SubjectKeyIdentifier(key_id))
    assert found.pop("AuthorityKeyIdentifier") == (False, x509.AuthorityKeyIdentifier(key_id, None, None))
    assert found == {}


def test_a_leaf_has_exactly_the_extensions_that_strict_verifiers_ask_for(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["loghook.logs.svc", "10.0.0.7", "fd00::7"], now)
    found = extensions(leaf.certificate)
    ca_key_id = extensions(authority.certificate)["SubjectKeyIdentifier"][1].digest
    assert found.pop("BasicConstraints") == (True, x509.BasicConstraints(ca=False, path_length=None))
    critical, usage = found.pop("KeyUsage")
    assert critical
    assert usages(usage) == {"digital_signature"}
    assert found.pop("ExtendedKeyUsage") == (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
    assert found.pop("SubjectKeyIdentifier") == (
        False,
        x509.SubjectKeyIdentifier.from_public_key(leaf.key.public_key()),
    )
    assert found.pop("AuthorityKeyIdentifier") == (False, x509.AuthorityKeyIdentifier(ca_key_id, None, None))
    critical, san = found.pop("SubjectAlternativeName")
    assert san.get_values_for_type(x509.DNSName) == ["loghook.logs.svc"]
    assert san.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.7"),
        ipaddress.ip_address("fd00::7"),
    ]
    assert found == {}


def test_keys_are_p256_signatures_sha256_and_versions_3(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now)
    for pair in (authority, leaf):
        assert isinstance(pair.key.curve, ec.SECP256R1)
        assert isinstance(pair.certificate.signature_hash_algorithm, hashes.SHA256)
        assert pair.certificate.version is x509.Version.v3
    assert leaf.key.private_numbers() != authority.key.private_numbers()


def test_serial_numbers_are_positive_random_and_fit_20_bytes(authority: Authority, now: datetime) -> None:
    serials = {issue_leaf(authority, ["localhost"], now).certificate.serial_number for _ in range(50)}
    assert len(serials) == 50
    assert all(0 < serial < 1 << 159 for serial in serials)
    assert max(serials) > 1 << 128


def test_a_ca_is_named_after_its_key_and_nothing_else(authority: Authority, now: datetime) -> None:
    subject = authority.certificate.subject
    assert [attribute.oid for attribute in subject] == [NameOID.COMMON_NAME]
    key_id = extensions(authority.certificate)["SubjectKeyIdentifier"][1].digest
    assert subject.rfc4514_string() == f"CN=loghook CA {key_id.hex()[:8]}"
    assert new_authority(now).certificate.subject != subject


def test_a_certificate_begins_an_hour_back_and_ends_after_its_life(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now, 30 * DAY)
    assert leaf.certificate.not_valid_before_utc == now - timedelta(hours=1)
    assert leaf.expires == leaf.certificate.not_valid_after_utc == now + 30 * DAY
    assert authority.certificate.not_valid_before_utc == now - timedelta(hours=1)
    assert authority.expires == now + 3650 * DAY


def test_the_time_may_be_of_any_zone_and_finer_than_a_second(authority: Authority, now: datetime) -> None:
    elsewhere = now.astimezone(timezone(timedelta(hours=5, minutes=45))) + timedelta(microseconds=999_999)
    leaf = issue_leaf(authority, ["localhost"], elsewhere, DAY)
    assert leaf.certificate.not_valid_before_utc == now - BACKDATE
    assert leaf.expires == now + DAY


def test_certificates_are_right_beyond_2050_where_their_encoding_changes() -> None:
    late = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    leaf = issue_leaf(new_authority(late), ["localhost"], late, DAY)
    assert leaf.certificate.not_valid_before_utc == datetime(2049, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert leaf.expires == datetime(2050, 1, 1, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("life", [timedelta(), -DAY])
def test_a_life_that_is_none_is_an_error(authority: Authority, now: datetime, life: timedelta) -> None:
    with pytest.raises(ValueError, match="lives for some time"):
        new_authority(now, life)
    with pytest.raises(ValueError, match="lives for some time"):
        issue_leaf(authority, ["localhost"], now, life)


def test_a_time_without_zone_is_an_error(authority: Authority) -> None:
    naive = datetime(2031, 7, 1)  # noqa: DTZ001  # the mistake that is tested
    with pytest.raises(ValueError, match="zone"):
        new_authority(naive)
    with pytest.raises(ValueError, match="zone"):
        issue_leaf(authority, ["localhost"], naive)


def test_a_leaf_never_outlives_its_ca(now: datetime) -> None:
    short = new_authority(now, 10 * DAY)
    assert issue_leaf(short, ["localhost"], now, 30 * DAY).expires == short.expires


@pytest.mark.parametrize("offset", [-BACKDATE - SECOND, 10 * DAY, 11 * DAY])
def test_a_ca_signs_nothing_outside_its_own_life(now: datetime, offset: timedelta) -> None:
    short = new_authority(now, 10 * DAY)
    with pytest.raises(ValueError, match="the CA is not valid at"):
        issue_leaf(short, ["localhost"], now + offset)


def test_renewal_is_due_after_two_thirds_of_the_life(authority: Authority, now: datetime) -> None:
    assert renewal_time(issue_leaf(authority, ["localhost"], now, 90 * DAY).certificate) == now + 60 * DAY
    assert renewal_time(issue_leaf(authority, ["a.b"], now, 3 * SECOND).certificate) == now + 2 * SECOND


# Renewing a CA


def test_a_renewed_ca_has_the_same_key_and_name_and_a_life_of_its_own(authority: Authority, now: datetime) -> None:
    later = now + 4000 * DAY  # the old one is expired
    renewed = renew_authority(authority, later, 100 * DAY)
    old, new = authority.certificate, renewed.certificate
    assert renewed.key is authority.key
    assert new.subject == new.issuer == old.subject
    assert extensions(new) == extensions(old)
    assert new.serial_number != old.serial_number
    assert new.not_valid_before_utc == later - BACKDATE
    assert renewed.expires == later + 100 * DAY


def test_leaves_verify_across_a_renewal_in_both_directions(
    authority: Authority, now: datetime, openssl_verify: Callable[..., Any]
) -> None:
    later = now + 30 * DAY
    renewed = renew_authority(authority, later)
    before, after = issue_leaf(authority, ["localhost"], now), issue_leaf(renewed, ["localhost"], later)
    stranger = new_authority(now)
    for leaf in (before, after):
        for ca in (authority, renewed):
            assert is_issued_by(leaf.certificate, ca.certificate)
            result = openssl_verify(ca.certificate_pem(), leaf.certificate_pem(), at=later)
            assert result.returncode == 0, result.stderr
        assert not is_issued_by(leaf.certificate, stranger.certificate)
        assert openssl_verify(stranger.certificate_pem(), leaf.certificate_pem(), at=later).returncode != 0


def test_a_leaf_verifies_against_a_bundle_of_old_and_new_ca(
    authority: Authority, now: datetime, openssl_verify: Callable[..., Any]
) -> None:
    other = new_authority(now)
    for order in ((authority, other), (other, authority)):
        bundle = b"".join(ca.certificate_pem() for ca in order)
        for ca in order:
            leaf = issue_leaf(ca, ["localhost"], now)
            result = openssl_verify(bundle, leaf.certificate_pem(), at=now)
            assert result.returncode == 0, result.stderr


def test_openssl_agrees_strictly_with_every_name_and_date(
    authority: Authority, now: datetime, openssl_verify: Callable[..., Any]
) -> None:
    leaf = issue_leaf(authority, ["loghook.logs.svc", "*.logs.svc", "10.0.0.7", "fd00::7"], now, DAY)
    ca, pem = authority.certificate_pem(), leaf.certificate_pem()
    right = ["-verify_hostname loghook.logs.svc", "-verify_hostname other.logs.svc", "-verify_ip 10.0.0.7"]
    right += ["-verify_ip fd00::7"]
    wrong = ["-verify_hostname logs.svc", "-verify_hostname a.b.logs.svc", "-verify_ip 10.0.0.8", "-verify_ip fd00::8"]
    for options in right:
        result = openssl_verify(ca, pem, *options.split(), at=now)
        assert result.returncode == 0, (options, result.stderr)
    for options in wrong:
        assert openssl_verify(ca, pem, *options.split(), at=now).returncode != 0, options
    for at, valid in ((now - BACKDATE, True), (now - BACKDATE - SECOND, False), (now + DAY + SECOND, False)):
        assert (openssl_verify(ca, pem, at=at).returncode == 0) is valid, at


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("localhost", "localhost"),
        ("loghook.logs.svc.cluster.local", "loghook.logs.svc.cluster.local"),
        ("LogHook.Logs.SVC", "loghook.logs.svc"),
        ("*.logs.svc", "*.logs.svc"),
        ("3com.example", "3com.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 63, "a" * 63),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("FD00:0:0::0007", "fd00::7"),
    ],
)
def test_a_good_name_stands_in_the_certificate_in_its_normal_form(
    authority: Authority, now: datetime, text: str, name: str
) -> None:
    assert names_of(issue_leaf(authority, [text], now).certificate) == (name,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'': not a DNS name"),
        (" localhost", "' localhost': not a DNS name"),
        ("localhost\n", r"'localhost\n': not a DNS name"),
        ("under_score.example", "not a DNS name"),
        ("-a.example", "not a DNS name"),
        ("a-.example", "not a DNS name"),
        ("a..example", "not a DNS name"),
        ("example.", "not a DNS name"),
        (".example", "not a DNS name"),
        ("a" * 64, "not a DNS name"),
        (".".join(["a" * 63] * 3 + ["b" * 62]), "not a DNS name"),
        ("b\u00fccher.example", r"'b\xfccher.example': write a name outside ASCII"),
        ("\u212aelvin.example", "outside ASCII"),
        ("https://localhost", "just the host"),
        ("localhost:8443", "just the host"),
        ("127.0.0.1:8443", "just the host"),
        ("[::1]", "just the host"),
        ("10.0.0.0/8", "just the host"),
        ("me@localhost", "just the host"),
        ("*", "a wildcard is the whole first label"),
        ("*.svc", "a wildcard is the whole first label"),
        ("*logs.example.org", "a wildcard is the whole first label"),
        ("*.*.svc", "not a DNS name"),
        ("a.*.svc", "not a DNS name"),
        ("log*.example.org", "not a DNS name"),
        ("10.0.0", "the last label has digits only"),
        ("300.1.1.1", "the last label has digits only"),
        ("127.0.0.01", "the last label has digits only"),
        ("*.1.1.1", "the last label has digits only"),
        ("0.0.0.0", "nobody calls this address"),  # noqa: S104  # a name, nothing is bound
        ("::", "nobody calls this address"),
        ("::ffff:10.0.0.7", "write the IPv4 address itself, 10.0.0.7"),
        ("fe80::1%eth0", "no zone"),
    ],
)
def test_a_bad_name_is_refused_with_its_reason(authority: Authority, now: datetime, text: str, why: str) -> None:
    with pytest.raises(BadNameError, match=re.escape(why)):
        issue_leaf(authority, ["localhost", text], now)


def test_names_are_kept_in_order_and_once(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["b.example", "::1", "B.example", "a.example", "0:0::1"], now)
    assert names_of(leaf.certificate) == ("b.example", "::1", "a.example")


def test_a_leaf_without_names_is_refused(authority: Authority, now: datetime) -> None:
    with pytest.raises(BadNameError, match="at least one name"):
        issue_leaf(authority, [], now)


LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?", fullmatch=True)


@given(labels=st.lists(LABEL, max_size=8), last=st.sampled_from(["svc", "local", "x1", "1x"]))
def test_every_rfc_1123_name_is_taken(labels: list[str], last: str) -> None:
    text = ".".join([*labels, last])
    assert parse_names([text]) == (x509.DNSName(text.lower()),)


@given(st.ip_addresses())
def test_every_address_that_can_be_called_is_taken(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    try:
        (name,) = parse_names([str(address)])
    except BadNameError:
        mapped = address.version == 6 and address.ipv4_mapped is not None
        assert mapped or int(address) == 0
    else:
        assert name == x509.IPAddress(address)


@given(st.one_of(st.text(), st.text("ab01.-*:%/_ \n", max_size=40)))
def test_no_text_makes_a_name_that_go_would_refuse_or_a_message_of_many_lines(text: str) -> None:
    try:
        (name,) = parse_names([text])
    except BadNameError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 800
        return
    if isinstance(name, x509.DNSName):
        labels = name.value.split(".")
        assert len(name.value) <= 253
        assert not labels[-1].isdigit()
        if labels[0] == "*":
            assert len(labels) > 2
            labels.pop(0)
        for label in labels:
            assert 0 < len(label) < 64
            assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
            assert label[0] != "-" != label[-1]


# Reading


def rsa_key_pem() -> bytes:
    return pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def pem_of(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def test_what_was_written_is_read_back(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now)
    again = Authority(parse_certificate(authority.certificate_pem()), parse_key(authority.key_pem()))
    assert again == authority
    assert again.key.private_numbers() == authority.key.private_numbers()
    assert Pair(parse_certificate(leaf.certificate_pem()), parse_key(leaf.key_pem())) == leaf
    assert leaf.certificate_pem().count(b"BEGIN CERTIFICATE") == 1
    assert leaf.key_pem().startswith(b"-----BEGIN PRIVATE KEY-----\n")


def test_certificates_that_cannot_be_used_are_named(authority: Authority) -> None:
    pem = authority.certificate_pem()
    for bad in (b"", b"hello", authority.key_pem(), pem[:-60], pem.replace(b"MII", b"AAA", 1), b"\xff\x00"):
        with pytest.raises(BadCertificateError, match="no certificate in PEM form, or a damaged one"):
            parse_certificate(bad)
    with pytest.raises(BadCertificateError, match="holds 2 certificates"):
        parse_certificate(pem + pem)


def test_keys_that_cannot_be_used_are_named(authority: Authority) -> None:
    for bad in (b"", b"hello", authority.certificate_pem(), authority.key_pem()[:-40], b"\xff\x00"):
        with pytest.raises(BadCertificateError, match="no private key in PEM form, or a damaged one"):
            parse_key(bad)
    secret = pem_of(authority.key, serialization.BestAvailableEncryption(b"x"))
    with pytest.raises(BadCertificateError, match="is encrypted"):
        parse_key(secret)
    for other in (rsa_key_pem(), pem_of(ec.generate_private_key(ec.SECP384R1()))):
        with pytest.raises(BadCertificateError, match="another kind than ECDSA P-256"):
            parse_key(other)


def test_a_pair_is_never_made_of_strangers(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now)
    with pytest.raises(BadCertificateError, match="not the key of the certificate"):
        Pair(leaf.certificate, authority.key)


def foreign_ca(
    subject: x509.Name,
    now: datetime,
    key: ec.EllipticCurvePrivateKey,
    signed_with: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # noqa: FBT003  # their order is X.509's
    return builder.add_extension(usage, critical=True).sign(signed_with or key, hashes.SHA256())


def test_only_a_ca_that_was_made_here_is_an_authority(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now)
    with pytest.raises(BadCertificateError, match="is not a CA certificate"):
        Authority(leaf.certificate, leaf.key)
    key = ec.generate_private_key(ec.SECP256R1())
    for name in ("somebody else", authority.certificate.subject.rfc4514_string().removeprefix("CN=")):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        with pytest.raises(BadCertificateError, match="not a CA that loghook made"):
            Authority(foreign_ca(subject, now, key), key)
    ours = authority.certificate.subject
    assert Authority(foreign_ca(ours, now, authority.key), authority.key) != authority  # name and key are what counts
    with pytest.raises(BadCertificateError, match="not a CA that loghook made"):
        Authority(foreign_ca(ours, now, authority.key, signed_with=key), authority.key)


def test_a_certificate_for_a_key_of_another_kind_is_no_pair(now: datetime) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rsa")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + DAY)
    certificate = builder.sign(key, hashes.SHA256())
    with pytest.raises(BadCertificateError, match="another kind"):
        Pair(certificate, ec.generate_private_key(ec.SECP256R1()))
    assert names_of(certificate) == ()


def test_no_key_shows_in_a_repr_or_a_message(authority: Authority, now: datetime) -> None:
    leaf = issue_leaf(authority, ["localhost"], now)
    for pair in (authority, leaf):
        shown = repr(pair)
        assert "key=" not in shown
        assert f"{pair.key.private_numbers().private_value:x}" not in shown
        assert str(pair.key.private_numbers().private_value) not in shown
    damaged = authority.key_pem().replace(b"\n-----END", b"!\n-----END")
    with pytest.raises(BadCertificateError) as caught:
        parse_key(damaged)
    assert caught.value.__suppress_context__
    assert authority.key_pem().splitlines()[1].decode()[:20] not in str(caught.value)
