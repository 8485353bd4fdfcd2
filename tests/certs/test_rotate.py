"""What is planned for each state that Secret and caBundles can be in: table by table, without a cluster."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certs.authority import (
    Authority,
    BadNameError,
    Pair,
    is_issued_by,
    issue_leaf,
    names_of,
    new_authority,
    parse_certificate,
    parse_key,
    restore_authority,
)
from certs.rotate import Found, Publish, Rest, Rules, Step, Store, Wait, plan, trust

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NONE = timedelta()
RULES = Rules(names=("loghook", "loghook.logs", "loghook.logs.svc", "loghook.logs.svc.cluster.local"))


def leaf_of(authority: Authority, now: datetime, life: timedelta = RULES.leaf_life) -> Pair:
    return issue_leaf(authority, RULES.names, now, life)


def data_of(authority: Authority, leaf: Pair, *others: Authority) -> dict[str, bytes]:
    return {
        "ca.crt": bundle_of(authority, *others),
        "ca.key": authority.key_pem(),
        "tls.crt": leaf.certificate_pem(),
        "tls.key": leaf.key_pem(),
    }


def bundle_of(*authorities: Pair) -> bytes:
    return b"".join(each.certificate_pem() for each in authorities)


def stored(step: Step) -> Mapping[str, bytes]:
    assert isinstance(step, Store), step
    return step.data


def cas_of(data: Mapping[str, bytes]) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(data["ca.crt"])


def is_whole(data: Mapping[str, bytes], now: datetime) -> bool:
    """Whether the Secret holds a CA with its key, and a serving certificate of that CA with its key, both in date."""
    authority = Authority(cas_of(data)[0], parse_key(data["ca.key"]))
    leaf = Pair(parse_certificate(data["tls.crt"]), parse_key(data["tls.key"]))
    in_date = all(each.certificate.not_valid_before_utc <= now < each.expires for each in (authority, leaf))
    return in_date and is_issued_by(leaf.certificate, authority.certificate)


@pytest.fixture(scope="module")
def data(authority: Authority, now: datetime) -> dict[str, bytes]:
    return data_of(authority, leaf_of(authority, now))


def settled(data: Mapping[str, bytes], **changes: Any) -> Found:
    """A Secret with two webhooks that have its bundle, but for `changes`."""
    return Found(**{"secret": data, "bundles": (data["ca.crt"], data["ca.crt"]), **changes})


def outcome(found: Found, now: datetime, rules: Rules = RULES) -> tuple[list[Step], Mapping[str, bytes]]:
    """All steps until nothing is left to do, each wait waited for, and the Secret's data then."""
    steps: list[Step] = []
    held = NONE
    while True:
        assert len(steps) < 20, steps
        step = plan(found, rules, now, held)
        if isinstance(step, Rest):
            assert found.secret is not None
            return steps, found.secret
        steps.append(step)
        held = NONE
        if isinstance(step, Store):
            found = Found(step.data, found.bundles, "" if step.answered else found.rotate)
        elif isinstance(step, Publish):
            found = Found(found.secret, (step.bundle,) * len(found.bundles), found.rotate)
        else:
            held = step.left


def kinds(steps: list[Step]) -> list[str]:
    return [each.phase if isinstance(each, Wait) else type(each).__name__.lower() for each in steps]


# At rest


def test_nothing_is_done_before_the_first_renewal(data: dict[str, bytes], now: datetime) -> None:
    for later in (NONE, 59 * DAY, 60 * DAY - SECOND):
        assert plan(settled(data), RULES, now + later, NONE) == Rest(now + 60 * DAY)


def test_the_first_secret_is_whole_at_once_and_then_published(
    now: datetime, openssl_verify: Callable[..., Any]
) -> None:
    found = Found(None, (b"", b""))
    steps, data = outcome(found, now)
    assert kinds(steps) == ["store", "publish"]
    assert sorted(data) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert is_whole(data, now)
    assert names_of(parse_certificate(data["tls.crt"])) == RULES.names
    for name in RULES.names:
        verdict = openssl_verify(data["ca.crt"], data["tls.crt"], "-verify_hostname", name, at=now)
        assert verdict.returncode == 0, verdict.stderr


def test_a_secret_is_made_before_there_is_any_webhook(now: datetime) -> None:
    steps, data = outcome(Found(None, ()), now)
    assert kinds(steps) == ["store"]
    assert is_whole(data, now)


@pytest.mark.parametrize("bundle", [b"", b"\n", b"nonsense"])
def test_a_webhook_without_a_bundle_gets_it_at_once(data: dict[str, bytes], now: datetime, bundle: bytes) -> None:
    step = plan(settled(data, bundles=(data["ca.crt"], bundle)), RULES, now, NONE)
    assert step == Publish(data["ca.crt"])


# Renewing


def test_a_leaf_is_renewed_from_the_same_ca_without_waiting(data: dict[str, bytes], now: datetime) -> None:
    later = now + 60 * DAY
    steps, after = outcome(settled(data), later)
    assert kinds(steps) == ["store"]
    assert is_whole(after, later)
    assert parse_certificate(after["tls.crt"]).not_valid_after_utc == later + RULES.leaf_life
    assert {key for key in data if data[key] != after[key]} == {"tls.crt", "tls.key"}


def test_a_ca_is_renewed_on_its_key_without_waiting(
    authority: Authority, now: datetime, openssl_verify: Callable[..., Any]
) -> None:
    later = now + RULES.ca_life * 2 / 3
    old = leaf_of(authority, later - DAY)
    found = settled(data_of(authority, old))
    steps, after = outcome(found, later)
    assert kinds(steps) == ["store", "publish"]
    assert after["ca.key"] == authority.key_pem()
    assert len(cas_of(after)) == 1
    assert cas_of(after)[0].not_valid_after_utc == later + RULES.ca_life
    assert after["tls.crt"] == old.certificate_pem()
    for ca in (authority.certificate_pem(), after["ca.crt"]):
        assert openssl_verify(ca, after["tls.crt"], at=later).returncode == 0


def test_a_leaf_always_has_its_whole_life(authority: Authority, now: datetime) -> None:
    rules = Rules(names=RULES.names, ca_life=100 * DAY, leaf_life=90 * DAY)
    ca = new_authority(now, rules.ca_life)
    later = now + 60 * DAY  # of the CA 40 days are left, and it is not yet to be renewed by itself
    steps, after = outcome(settled(data_of(ca, leaf_of(ca, now))), later, rules)
    assert kinds(steps) == ["store", "publish"]
    assert parse_certificate(after["tls.crt"]).not_valid_after_utc == later + 90 * DAY
    assert after["ca.key"] == ca.key_pem()
    assert authority.key_pem() != ca.key_pem()


def test_lives_of_one_day_come_to_rest_as_well(now: datetime) -> None:
    rules = Rules(names=RULES.names, ca_life=DAY, leaf_life=DAY)
    steps, data = outcome(Found(None, (b"",)), now, rules)
    assert kinds(steps) == ["store", "publish"]
    steps, data = outcome(settled(data), now + 0.7 * DAY, rules)
    assert kinds(steps) == ["store", "publish"]
    assert is_whole(data, now + 1.6 * DAY)


@pytest.mark.parametrize("away", [91 * DAY, 4000 * DAY])
def test_what_has_expired_is_replaced_at_once(data: dict[str, bytes], now: datetime, away: timedelta) -> None:
    later = now + away
    steps, after = outcome(settled(data), later)
    assert kinds(steps)[0] == "store"
    assert not any(isinstance(step, Wait) for step in steps)
    assert is_whole(after, later)
    assert after["ca.key"] == data["ca.key"]


def test_what_a_fast_clock_has_made_is_replaced_on_the_same_key(now: datetime) -> None:
    ahead = new_authority(now + 30 * DAY)
    found = settled(data_of(ahead, leaf_of(ahead, now + 30 * DAY)))
    assert trust(found, RULES.names, now).problem == "the serving certificate is not valid at this time"
    steps, after = outcome(found, now)
    assert kinds(steps) == ["store", "publish"]
    assert is_whole(after, now)
    assert after["ca.key"] == ahead.key_pem()


def test_other_names_need_a_new_leaf_and_no_other_ca(data: dict[str, bytes], now: datetime) -> None:
    rules = Rules(names=("renamed.logs.svc",))
    steps, after = outcome(settled(data), now, rules)
    assert kinds(steps) == ["store"]
    assert names_of(parse_certificate(after["tls.crt"])) == ("renamed.logs.svc",)
    assert after["ca.crt"] == data["ca.crt"]


# Asked for


def test_a_leaf_is_rotated_when_asked(data: dict[str, bytes], now: datetime) -> None:
    steps, after = outcome(settled(data, rotate="leaf"), now)
    assert kinds(steps) == ["store"]
    assert isinstance(steps[0], Store)
    assert steps[0].answered
    assert {key for key in data if data[key] != after[key]} == {"tls.crt", "tls.key"}


def test_a_new_key_is_announced_then_served_then_alone(data: dict[str, bytes], now: datetime) -> None:
    steps, after = outcome(settled(data, rotate="ca"), now)
    assert kinds(steps) == ["store", "publish", "announce", "store", "overlap", "store", "publish"]
    announced, published, first, served, second, dropped, last = steps
    assert isinstance(first, Wait)
    assert isinstance(second, Wait)
    assert (first.left, second.left) == (RULES.settle, RULES.overlap)
    assert isinstance(announced, Store)
    assert announced.answered
    assert (announced.data["tls.crt"], announced.data["tls.key"]) == (data["tls.crt"], data["tls.key"])
    assert published == Publish(announced.data["ca.crt"])
    assert len(cas_of(announced.data)) == 2
    assert announced.data["ca.crt"].endswith(data["ca.crt"])  # the new one first
    assert stored(served)["ca.crt"] == announced.data["ca.crt"]
    assert is_whole(stored(served), now)
    assert stored(dropped)["tls.crt"] == stored(served)["tls.crt"]
    assert last == Publish(after["ca.crt"])
    assert len(cas_of(after)) == 1
    assert after["ca.key"] != data["ca.key"]


def test_a_phase_lasts_until_its_time_is_over(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    for at, time in ((0, RULES.settle), (3, RULES.overlap)):
        found = settled(stored(steps[at]))
        assert plan(found, RULES, now, NONE) == Wait(time, "announce" if at == 0 else "overlap")
        assert plan(found, RULES, now, time - SECOND) == Wait(SECOND, "announce" if at == 0 else "overlap")
        assert isinstance(plan(found, RULES, now, time), Store)


def test_a_new_ca_is_not_used_while_one_webhook_lacks_it(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    announced = stored(steps[0])
    for bundles in ((announced["ca.crt"], data["ca.crt"]), (b"", announced["ca.crt"])):
        found = Found(announced, bundles)
        assert plan(found, RULES, now, 10 * RULES.settle) == Publish(announced["ca.crt"])


def test_an_old_ca_is_not_dropped_while_one_webhook_lacks_the_new_one(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    served = stored(steps[3])
    found = Found(served, (served["ca.crt"], data["ca.crt"]))
    assert plan(found, RULES, now, 10 * RULES.overlap) == Publish(served["ca.crt"])


def test_asking_again_for_a_ca_while_one_is_announced_changes_nothing(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    announced = stored(steps[0])
    again, after = outcome(settled(announced, rotate="ca"), now)
    assert kinds(again) == ["announce", "store", "overlap", "store", "publish"]
    assert isinstance(again[1], Store)
    assert again[1].answered
    assert after["ca.key"] == announced["ca.key"]


def test_asking_for_a_ca_during_the_overlap_keeps_all_that_may_be_served(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    served = stored(steps[3])
    again, after = outcome(settled(served, rotate="ca"), now)
    assert len(cas_of(stored(again[0]))) == 3
    assert stored(again[0])["tls.crt"] == served["tls.crt"]
    assert kinds(again) == ["store", "publish", "announce", "store", "overlap", "store", "publish"]
    assert len(cas_of(after)) == 1


def test_asking_for_a_leaf_while_a_ca_is_announced_waits_for_that_ca(data: dict[str, bytes], now: datetime) -> None:
    steps, _ = outcome(settled(data, rotate="ca"), now)
    announced = settled(stored(steps[0]), rotate="leaf")
    assert plan(announced, RULES, now, NONE) == Wait(RULES.settle, "announce")
    step = plan(announced, RULES, now, RULES.settle)
    assert isinstance(step, Store)
    assert step.answered


@pytest.mark.parametrize("word", ["", "CA", "yes", "leaf,ca"])
def test_any_other_word_asks_for_nothing(data: dict[str, bytes], now: datetime, word: str) -> None:
    assert isinstance(plan(settled(data, rotate=word), RULES, now, NONE), Rest)


# Healing


def rsa_pair(now: datetime) -> tuple[bytes, bytes, bytes]:
    """A CA and a serving certificate of another maker, with RSA keys: the CA, the certificate, its key."""
    ca_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another maker's CA")])
    builder = x509.CertificateBuilder().issuer_name(name).not_valid_before(now).not_valid_after(now + 90 * DAY)
    ca = builder.subject_name(name).public_key(ca_key.public_key()).serial_number(7)
    leaf = builder.subject_name(x509.Name([])).public_key(key.public_key()).serial_number(8)
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in RULES.names]), critical=False)
    pem = serialization.Encoding.PEM
    key_pem = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    signed = [each.sign(ca_key, hashes.SHA256()).public_bytes(pem) for each in (ca, leaf)]
    return signed[0], signed[1], key_pem


def other_key() -> bytes:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, form, serialization.NoEncryption())


DAMAGE: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "no tls.crt": lambda data: {**data, "tls.crt": b""},
    "no tls.key": lambda data: {key: value for key, value in data.items() if key != "tls.key"},
    "tls.crt cut off": lambda data: {**data, "tls.crt": data["tls.crt"][:200]},
    "tls.key of another": lambda data: {**data, "tls.key": other_key()},
    "tls.crt is the CA": lambda data: {**data, "tls.crt": data["ca.crt"]},
    "no ca.crt": lambda data: {key: value for key, value in data.items() if key != "ca.crt"},
    "ca.crt is nonsense": lambda data: {**data, "ca.crt": b"\x00\xff nonsense"},
    "ca.crt has a damaged block too": lambda data: {**data, "ca.crt": data["ca.crt"][:80] + b"\n" + data["ca.crt"]},
    "ca.crt twice": lambda data: {**data, "ca.crt": data["ca.crt"] * 2},
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_that_the_ca_s_key_survives_is_healed_at_once(data: dict[str, bytes], now: datetime, name: str) -> None:
    damaged = DAMAGE[name](data)
    steps, after = outcome(Found(damaged, (data["ca.crt"],)), now)
    assert not any(isinstance(step, Wait) for step in steps)
    assert is_whole(after, now)
    assert parse_key(after["ca.key"]).private_numbers() == parse_key(data["ca.key"]).private_numbers()
    if "ca.crt" in name:
        assert after["tls.crt"] == data["tls.crt"]  # callers trust it, whatever has become of ca.crt


@pytest.mark.parametrize("key", [b"", b"nonsense", None])
def test_without_the_ca_s_key_a_new_ca_takes_over_in_two_phases(
    data: dict[str, bytes], now: datetime, key: bytes | None
) -> None:
    damaged = {name: value for name, value in data.items() if name != "ca.key"}
    damaged |= {} if key is None else {"ca.key": key}
    steps, after = outcome(Found(damaged, (data["ca.crt"],)), now)
    assert kinds(steps) == ["store", "publish", "announce", "store", "overlap", "store", "publish"]
    assert stored(steps[0])["tls.crt"] == data["tls.crt"]
    assert is_whole(after, now)


def test_a_lost_secret_does_not_cut_off_those_who_still_serve_what_it_held(
    data: dict[str, bytes], now: datetime
) -> None:
    steps, after = outcome(Found(None, (data["ca.crt"], data["ca.crt"])), now)
    assert kinds(steps) == ["store", "publish", "announce", "store", "overlap", "store", "publish"]
    first = stored(steps[0])
    assert (first["tls.crt"], first["tls.key"]) == (b"", b"")  # nothing that is not trusted yet
    assert cas_of(first)[1:] == x509.load_pem_x509_certificates(data["ca.crt"])
    assert is_whole(after, now)


def test_a_secret_from_a_backup_is_trusted_beside_what_replaced_it(data: dict[str, bytes], now: datetime) -> None:
    newer = new_authority(now)
    steps, after = outcome(Found(data, (newer.certificate_pem(),)), now)
    assert kinds(steps) == ["store", "publish", "overlap", "store", "publish"]
    assert cas_of(stored(steps[0])) == [*cas_of(data), newer.certificate]
    assert after == data


def test_a_secret_of_another_maker_is_served_until_ours_is_trusted(now: datetime) -> None:
    ca, leaf, key = rsa_pair(now)
    found = Found({"ca.crt": ca, "tls.crt": leaf, "tls.key": key, "note": b"kept"}, (ca,))
    assert trust(found, RULES.names, now).problem == ""
    steps, after = outcome(found, now)
    assert kinds(steps) == ["store", "publish", "announce", "store", "overlap", "store", "publish"]
    assert (stored(steps[0])["tls.crt"], stored(steps[0])["tls.key"]) == (leaf, key)
    assert is_whole(after, now)
    assert after["note"] == b"kept"


def test_a_bundle_of_another_maker_is_trusted_until_ours_is_served(now: datetime) -> None:
    ca, _, _ = rsa_pair(now)
    steps, after = outcome(Found(None, (ca, b"")), now)
    assert kinds(steps)[:3] == ["store", "publish", "announce"]
    assert len(cas_of(stored(steps[0]))) == 2
    assert len(cas_of(after)) == 1


def test_a_ca_with_a_foreign_certificate_on_its_key_is_given_one_of_ours(now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mine")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    foreign = builder.serial_number(1).not_valid_before(now).not_valid_after(now + DAY).sign(key, hashes.SHA256())
    pem = foreign.public_bytes(serialization.Encoding.PEM)
    ours = restore_authority(key, now)
    steps, after = outcome(Found({"ca.crt": pem, "ca.key": ours.key_pem()}, (pem,)), now)
    assert kinds(steps)[:3] == ["store", "publish", "announce"]
    assert is_whole(after, now)


def test_what_a_bundle_holds_besides_our_ca_is_dropped(data: dict[str, bytes], now: datetime) -> None:
    """Else the CA that was dropped a moment ago, which a caBundle still has, would come back for ever."""
    older = new_authority(now)
    found = settled(data, bundles=(data["ca.crt"] + older.certificate_pem(),))
    assert plan(found, RULES, now, NONE) == Publish(data["ca.crt"])


def test_an_old_ca_that_expires_during_a_roll_over_is_forgotten(now: datetime) -> None:
    old, new = new_authority(now - 10 * DAY, 11 * DAY), new_authority(now)
    found = settled(data_of(new, leaf_of(new, now), old))
    assert isinstance(plan(found, RULES, now, NONE), Wait)
    steps, after = outcome(found, now + DAY)
    assert kinds(steps) == ["store", "publish"]
    assert cas_of(after) == [new.certificate]


# What is said


PROBLEMS: dict[str, Callable[[dict[str, bytes]], Found]] = {
    "": settled,
    "the Secret does not exist": lambda data: Found(None, (data["ca.crt"],)),
    "the Secret holds no serving certificate with its key": lambda data: settled({**data, "tls.key": other_key()}),
    "a caBundle does not verify the serving certificate": lambda data: settled(data, bundles=(data["ca.crt"], b"")),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_trust_says_what_hinders_callers(data: dict[str, bytes], now: datetime, problem: str) -> None:
    assert trust(PROBLEMS[problem](data), RULES.names, now).problem == problem


def test_trust_knows_dates_and_names(data: dict[str, bytes], authority: Authority, now: datetime) -> None:
    found = trust(settled(data), RULES.names, now)
    assert (found.serving, found.signing, found.trusted) == (now + RULES.leaf_life, authority.expires, 1)
    assert trust(settled(data), ("other.svc",), now).problem == "the serving certificate is for other names"
    late = trust(settled(data), RULES.names, now + 90 * DAY)
    assert late.problem == "the serving certificate is not valid at this time"
    assert trust(Found(None, ()), RULES.names, now).serving is None


def test_keys_show_in_no_repr(data: dict[str, bytes], now: datetime) -> None:
    found = settled(data)
    store = plan(Found(None, ()), RULES, now, NONE)
    body = parse_key(data["ca.key"]).private_numbers().private_value
    for each in (found, store):
        assert "PRIVATE" not in repr(each)
        assert str(body) not in repr(each)


def test_rules_that_cannot_be_kept_are_errors() -> None:
    with pytest.raises(BadNameError):
        Rules(names=("under_score",))
    with pytest.raises(ValueError, match="at least as long"):
        Rules(names=("a.b",), ca_life=DAY, leaf_life=2 * DAY)
