"""Signed messages: what is accepted, every refusal in its words, forgeries, replays; and nothing secret is shown."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from worker_manager import tokens
from worker_manager.scopes import covers, missing
from worker_manager.tokens import (
    MAX_TOKEN_CHARACTERS,
    Claims,
    Keyring,
    NotAuthorized,
    VerificationKey,
    mint,
    payload_digest,
    require,
)

ROOT = Path(__file__).resolve().parent.parent
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NOW = 1_700_000_000.0
VALUE = {"document": {"minCapacity": 1, "tags": ["a", None]}, "reason": "more"}
TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def private_pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OURS = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
THEIRS = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
OURS_PRIVATE, OURS_PUBLIC = private_pem(OURS), public_pem(OURS)
RSA = generate_private_key(65537, 2048)
KEYRING = Keyring(
    (
        VerificationKey("ours", OURS_PUBLIC, "fleet-owner@example.org", ("a:*", "b")),
        VerificationKey("theirs", public_pem(THEIRS), "fleet-owner@example.org", ("*",)),
    )
)
MINT = {
    "key_id": "ours",
    "subject": "image-pipeline",
    "workflow_id": "shared-config:images",
    "message": "apply_config",
    "value": VALUE,
    "scopes": ["a:1", "b"],
    "now": NOW,
    "token_id": "token-1",
}
CLAIMS = {
    "sub": "image-pipeline",
    "aud": "shared-config:images",
    "msg": "apply_config",
    "dig": payload_digest(VALUE),
    "scopes": ["a:1", "b"],
    "iat": int(NOW),
    "nbf": int(NOW),
    "exp": int(NOW) + 300,
    "jti": "token-1",
}
HEADER = {"alg": "EdDSA", "typ": "JWT", "kid": "ours"}


def make(private_key_pem=OURS_PRIVATE, **different) -> str:
    return mint(private_key_pem, **{**MINT, **different})


def check(token: str, keyring: Keyring = KEYRING, **different) -> Claims:
    said = {"workflow_id": "shared-config:images", "message": "apply_config", "digest": payload_digest(VALUE)}
    return keyring.verify(token, **{**said, "now": NOW, **different})


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def signed(claims, header=HEADER, key=OURS) -> str:
    """A token made by hand, good or bad: `claims` is a JSON value, or the text of one."""
    parts = [each if isinstance(each, str) else json.dumps(each) for each in (header, claims)]
    text = ".".join(encode(each.encode()) for each in parts)
    return f"{text}.{encode(key.sign(text.encode()))}"


def refusal(token: str, **different) -> str:
    """The words of the refusal, in which nothing of the token's text stands."""
    with pytest.raises(NotAuthorized) as caught:
        check(token, **different)
    words = f"{caught.value} {caught.value!r}"
    assert [] == [each for each in token.split(".") if len(each) > 8 and each in words]
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def test_what_is_minted_is_accepted_and_says_who_asked():
    expected = Claims("image-pipeline", ("a:1", "b"), "token-1", NOW + 300, "ours")
    assert expected == check(make())


def test_a_token_is_a_jwt_that_other_libraries_can_make():
    header, claims, _ = make().split(".")
    assert HEADER == json.loads(decode(header))
    assert CLAIMS == json.loads(decode(claims))
    assert check(make()) == check(signed(CLAIMS)) == check(jwt.encode(CLAIMS, OURS, "EdDSA", {"kid": "ours"}))


@given(value=JSON, subject=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_any_payload_can_be_signed_and_comes_back_from_json_the_same(value, subject):
    token = make(value=value, subject=subject)
    received = json.loads(json.dumps(value))
    assert subject == check(token, digest=payload_digest(received)).subject


@pytest.mark.parametrize(
    "now", [NOW, int(NOW), datetime.fromtimestamp(NOW, UTC), datetime.fromisoformat("2023-11-14T23:13:20+01:00")]
)
def test_now_may_be_epoch_seconds_or_a_time_with_a_zone(now):
    assert NOW + 300 == check(make(now=now), now=now).expires_at


def test_a_time_without_a_zone_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="time zone"):
        check(make(), now=datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None))


# ---- what is refused, and how ----


@pytest.mark.parametrize(
    ("words", "different"),
    [
        pytest.param("expired 11 s ago: make a new one", {"now": NOW + 311}, id="late"),
        pytest.param("not valid for another 11 s: compare the clocks", {"now": NOW - 11}, id="early"),
        pytest.param(
            "was made for 'shared-config:images', not for 'shared-config:other'",
            {"workflow_id": "shared-config:other"},
            id="other-workflow",
        ),
        pytest.param(
            "was made for 'apply_config', not for 'patch_config'", {"message": "patch_config"}, id="other-message"
        ),
        pytest.param("the payload is not the one that was signed", {"digest": payload_digest({})}, id="other-payload"),
        pytest.param("the payload is not the one that was signed", {"digest": ""}, id="no-payload"),
    ],
)
def test_a_good_token_is_refused_elsewhere(words, different):
    assert words in refusal(make(), **different)


@pytest.mark.parametrize("now", [NOW - 10, NOW, NOW + 309.9])
def test_clocks_may_differ_by_the_leeway(now):
    assert "token-1" == check(make(), now=now).token_id


@pytest.mark.parametrize("now", [NOW - 0.1, NOW + 300])
def test_without_leeway_the_times_are_exact(now):
    assert refusal(make(), now=now, leeway_seconds=0)


WITHOUT = [
    pytest.param(words, {name: each for name, each in CLAIMS.items() if name != left_out}, id=f"without-{left_out}")
    for left_out, words in [
        ("sub", "must say who asks (sub)"),
        ("aud", "must say the workflow it is for (aud)"),
        ("msg", "must say the message it is for (msg)"),
        ("dig", "must say the digest of the payload (dig)"),
        ("jti", "must say its own id (jti)"),
        ("iat", "as iat"),
        ("nbf", "as nbf"),
        ("exp", "as exp"),
        ("scopes", "must list the scopes"),
    ]
]


@pytest.mark.parametrize(
    ("words", "claims"),
    [
        *WITHOUT,
        pytest.param("lives 3601 s: at most 3600 s", {**CLAIMS, "exp": int(NOW) + 3601}, id="long-lived"),
        pytest.param("lives 3601 s: at most", {**CLAIMS, "iat": int(NOW) - 3600, "exp": NOW + 1}, id="about-to-end"),
        pytest.param("not valid for another 60 s", {**CLAIMS, "nbf": int(NOW) + 60}, id="nbf-later-than-iat"),
        pytest.param("not valid for another 60 s", {**CLAIMS, "iat": int(NOW) + 60, "exp": NOW + 90}, id="made-later"),
        pytest.param("(jti)", {**CLAIMS, "jti": ""}, id="empty-jti"),
        pytest.param("(jti), in 1 to 64 characters", {**CLAIMS, "jti": "x" * 65}, id="long-jti"),
        pytest.param("(sub)", {**CLAIMS, "sub": 7}, id="sub-is-a-number"),
        pytest.param("(aud)", {**CLAIMS, "aud": ["shared-config:images", "x"]}, id="aud-is-a-list"),
        pytest.param("as exp", {**CLAIMS, "exp": str(NOW)}, id="exp-is-a-text"),
        pytest.param("as iat", {**CLAIMS, "iat": True}, id="iat-is-true"),
        pytest.param("as nbf", {**CLAIMS, "nbf": -1}, id="before-the-epoch"),
        pytest.param("as exp", {**CLAIMS, "exp": 10**400}, id="exp-is-no-float"),
        pytest.param("as exp", json.dumps(CLAIMS | {"exp": float("nan")}), id="exp-is-nan"),
        pytest.param("as iat", json.dumps(CLAIMS | {"iat": float("nan")}), id="iat-is-nan"),
        pytest.param("as exp", json.dumps(CLAIMS | {"exp": float("inf")}), id="exp-is-infinite"),
        pytest.param("must list the scopes", {**CLAIMS, "scopes": "a:1"}, id="scopes-are-a-text"),
        pytest.param("must list the scopes", {**CLAIMS, "scopes": ["a:1", 1]}, id="a-scope-is-a-number"),
        pytest.param("no JSON object", [CLAIMS], id="claims-are-a-list"),
        pytest.param("no JSON object", "not json", id="claims-are-no-json"),
        pytest.param("no JSON object", "[" * 3000, id="claims-are-too-deep"),
        pytest.param(
            "claims 'a*', 'c', which its key 'ours' may not give", {**CLAIMS, "scopes": ["c", "b", "a*"]}, id="beyond"
        ),
        pytest.param("claims '*'", {**CLAIMS, "scopes": ["*"]}, id="everything"),
    ],
)
def test_claims_that_are_signed_and_yet_not_acceptable(words, claims):
    assert words in refusal(signed(claims))


@pytest.mark.parametrize(
    ("words", "token"),
    [
        pytest.param("there is no token", "", id="empty"),
        pytest.param("this is no token", "token", id="one-part"),
        pytest.param("this is no token", "a.b", id="two-parts"),
        pytest.param("this is no token", make() + ".x", id="four-parts"),
        pytest.param("this is no token", f"Bearer {make()}", id="with-a-scheme"),
        pytest.param("this is no token", make() + "\n", id="line-end"),
        pytest.param("this is no token", make() + "==", id="padding"),
        pytest.param("this is no token", f"!!.{make().partition('.')[2]}", id="no-base64"),
        pytest.param("this is no token", "größe.b.c", id="no-ascii"),
        pytest.param("this is no token", "\ud800.b.c", id="half-a-character"),
        pytest.param("this is no token", signed(CLAIMS, "not json"), id="header-is-no-json"),
        pytest.param("this is no token", signed(CLAIMS, ["EdDSA"]), id="header-is-a-list"),
        pytest.param("this is no token", signed(CLAIMS, "[" * 3000), id="header-is-too-deep"),
        pytest.param("this is no token", signed(CLAIMS, {**HEADER, "kid": 7}), id="kid-is-a-number"),
        pytest.param("this is no token", signed(CLAIMS, {**HEADER, "b64": False}), id="detached"),
        pytest.param("token", signed(CLAIMS, {**HEADER, "crit": ["exp"]}), id="critical-extension"),
        pytest.param(
            "plain EdDSA", signed(CLAIMS, {**HEADER, "crit": ["b64"], "b64": True}), id="known-to-the-library"
        ),
        pytest.param("plain EdDSA", signed(CLAIMS, {"kid": "ours"}), id="no-algorithm"),
        pytest.param("plain EdDSA", signed(CLAIMS, {**HEADER, "alg": "eddsa"}), id="algorithm-in-lower-case"),
        pytest.param("plain EdDSA", signed(CLAIMS, {**HEADER, "alg": ["EdDSA"]}), id="algorithm-is-a-list"),
        pytest.param("does not say which key", signed(CLAIMS, {"alg": "EdDSA"}), id="no-kid"),
        pytest.param("key 'nobody' is not known here", signed(CLAIMS, {**HEADER, "kid": "nobody"}), id="unknown-kid"),
        pytest.param("not signed by the key 'ours'", signed(CLAIMS, key=THEIRS), id="signed-by-another"),
        pytest.param(
            "not signed by the key 'theirs'", signed(CLAIMS, {**HEADER, "kid": "theirs"}), id="in-another's-name"
        ),
        pytest.param("not signed by the key 'ours'", make().rpartition(".")[0] + ".", id="signature-cut-off"),
        pytest.param("not signed by the key 'ours'", make()[:-2], id="signature-cut-short"),
        pytest.param(f"longer than {MAX_TOKEN_CHARACTERS}", "x" * (MAX_TOKEN_CHARACTERS + 1), id="oversized"),
        pytest.param(
            f"longer than {MAX_TOKEN_CHARACTERS}",
            signed({**CLAIMS, "scopes": ["a:1"] * 1000}),
            id="oversized-and-signed",
        ),
    ],
)
def test_what_is_no_token_of_a_known_key(words, token):
    assert words in refusal(token)


# ---- forgeries ----


def hmac_token(algorithm: str, secret: str) -> str:
    text = f"{encode(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{encode(json.dumps(CLAIMS).encode())}"
    return f"{text}.{encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_an_unsigned_token_is_refused_however_it_says_so(algorithm):
    header, claims = ({**HEADER, "alg": algorithm}, CLAIMS)
    unsigned = ".".join([encode(json.dumps(header).encode()), encode(json.dumps(claims).encode()), ""])
    for token in (unsigned, unsigned + make().rpartition(".")[2]):
        assert "plain EdDSA" in refusal(token)


@pytest.mark.parametrize("secret", [OURS_PUBLIC, OURS_PUBLIC.strip(), ""])
def test_the_public_key_is_no_shared_secret(secret):
    """The confusion of algorithms: an HMAC under the public key, which everybody may know."""
    assert "plain EdDSA" in refusal(hmac_token("HS256", secret))
    assert "not signed by the key" in refusal(hmac_token("EdDSA", secret))


def test_a_key_sent_along_is_not_believed():
    x = encode(THEIRS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    header = {**HEADER, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}, "jku": "http://127.0.0.1:9/keys"}
    assert "not signed by the key 'ours'" in refusal(signed(CLAIMS, header, THEIRS))


@given(data=st.data())
def test_no_character_of_a_token_can_be_changed(data):
    token = make()
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(BASE64URL + ".=+/ \n") | st.characters())
    assume(character != token[place])
    assert refusal(token[:place] + character + token[place + 1 :])


def test_a_signature_has_one_spelling():
    """Its last character has four bits to spare; whoever remembers tokens by their text would be fooled by others."""
    token = make()
    accepted = []
    for character in BASE64URL:
        try:
            check(token[:-1] + character)
        except NotAuthorized:
            continue
        accepted.append(character)
    assert [token[-1]] == accepted


@given(data=st.data())
def test_no_bit_of_a_token_can_be_changed(data):
    parts = [bytearray(decode(each)) for each in make().split(".")]
    part = data.draw(st.sampled_from(parts))
    place = data.draw(st.integers(0, len(part) - 1))
    part[place] ^= 1 << data.draw(st.integers(0, 7))
    assert refusal(".".join(encode(bytes(each)) for each in parts))


@given(name=st.sampled_from(sorted(CLAIMS)), value=JSON)
def test_no_claim_can_be_changed_by_who_lacks_the_key(name, value):
    claims = {**CLAIMS, name: value}
    assume(claims != CLAIMS)
    header, _, signature = make().split(".")
    altered = f"{header}.{encode(json.dumps(claims).encode())}.{signature}"
    assert "not signed by the key 'ours'" in refusal(altered)
    assert "not signed by the key 'ours'" in refusal(signed(claims, key=THEIRS))


@given(workflow_id=st.text(max_size=30), message=st.text(max_size=20), value=JSON)
def test_a_token_is_good_for_nothing_else(workflow_id, message, value):
    token = make()
    assume(workflow_id != MINT["workflow_id"])
    assume(message != MINT["message"])
    assume(payload_digest(value) != payload_digest(VALUE))
    assert "was made for" in refusal(token, workflow_id=workflow_id)
    assert "was made for" in refusal(token, message=message)
    assert "the payload is not" in refusal(token, digest=payload_digest(value))


@given(claimed=st.lists(st.text("ab:*", max_size=4), max_size=4))
def test_a_key_gives_no_more_than_its_own_scopes(claimed):
    token = make(scopes=claimed)
    beyond = missing(("a:*", "b"), claimed)
    if beyond:
        assert all(repr(each) in refusal(token) for each in beyond)
    else:
        assert all(covers(("a:*", "b"), each) for each in check(token).scopes)


# ---- scopes that are asked for ----


def test_what_is_held_may_be_asked_for():
    claims = Claims("ci", ("a:*", "b"), "1", NOW, "ours")
    assert None is require(claims, ["a:1", "a:*", "b"])
    assert None is require(claims, [])


def test_every_missing_scope_is_named_with_who_asked():
    claims = Claims("ci", ("a:*",), "1", NOW, "ours")
    with pytest.raises(NotAuthorized) as caught:
        require(claims, ["c", "a:1", "b"])
    assert "'ci' does not hold 'b', 'c'; ask for them, or leave them out" == str(caught.value)


# ---- minting ----


def encrypted_pem() -> str:
    return OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()


@pytest.mark.parametrize(
    ("words", "different"),
    [
        ("from 1 to 3600 s, not 3601 s", {"lifetime_seconds": 3601}),
        ("from 1 to 3600 s, not 0 s", {"lifetime_seconds": 0}),
        ("from 1 to 3600 s, not nan s", {"lifetime_seconds": float("nan")}),
        ("must say who asks (sub)", {"subject": ""}),
        ("must say its own id (jti)", {"token_id": ""}),
        ("claim fewer scopes", {"scopes": ["a:1"] * 1000}),
        ("the signing key is no private key in PEM form", {"private_key_pem": "nonsense"}),
        ("the signing key is no private key in PEM form", {"private_key_pem": OURS_PUBLIC}),
        ("the signing key is not an Ed25519 key", {"private_key_pem": private_pem(RSA)}),
        ("the signing key is not an Ed25519 key", {"private_key_pem": private_pem(Ed448PrivateKey.generate())}),
        ("the signing key is encrypted", {"private_key_pem": encrypted_pem()}),
    ],
)
def test_what_cannot_be_minted(words, different):
    with pytest.raises(NotAuthorized) as caught:
        make(**different)
    assert words in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_the_longest_life_is_accepted():
    assert NOW + 3600 == check(make(lifetime_seconds=3600)).expires_at


# ---- what must not happen by the way ----


def test_no_key_is_in_a_representation():
    for shown in (repr(KEYRING), repr(KEYRING.keys[0]), str(KEYRING)):
        assert OURS_PUBLIC.splitlines()[1] not in shown
        assert "ours" in shown


def test_a_key_that_was_replaced_no_longer_counts():
    renewed = Keyring((replace(KEYRING.keys[0], public_key_pem=public_pem(THEIRS)),))
    with pytest.raises(NotAuthorized, match="not signed by the key"):
        check(make(), renewed)


def test_importing_the_module_loads_no_cryptography():
    """Workflows compute digests; only activities and the command line need the rest."""
    heavy = {"jwt", "cryptography", "ruamel", "pydantic", "temporalio"}
    script = "import sys, worker_manager.tokens; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set() == heavy & set(done.stdout.split())
    assert "worker_manager" in done.stdout.split()
    assert tokens.__doc__
