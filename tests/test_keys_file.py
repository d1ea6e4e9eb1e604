"""The keys file: what is accepted, every problem at its line and column, and that no key is ever shown."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from worker_manager.errors import ConfigInvalid
from worker_manager.tokens import Keyring, VerificationKey, parse_keyring


def public_pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


PAIR = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
PUBLIC = public_pem(PAIR)
PRIVATE = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
RSA = generate_private_key(65537, 2048)
RSA_PRIVATE = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
OTHER = public_pem(Ed25519PrivateKey.from_private_bytes(b"2" * 32))


def keys_file(*entries: str) -> str:
    return "keys:\n" + "".join(entries)


def entry(name="ours", pem=PUBLIC, owner="fleet-owner@example.org", scopes="['a:*', b]") -> str:
    block = "".join(f"    {line}\n" for line in pem.splitlines())
    return f"- id: {name}\n  owner: {owner}\n  publicKey: |\n{block}  scopes: {scopes}\n"


OURS = VerificationKey("ours", PUBLIC, "fleet-owner@example.org", ("a:*", "b"))


def test_a_keys_file_is_read():
    theirs = VerificationKey("theirs", OTHER, "fleet-owner@example.org", ("*",))
    text = keys_file(entry(), entry("theirs", OTHER, scopes="['*']"))
    assert Keyring((OURS, theirs)) == parse_keyring(text, "keys.yml")


def test_json_is_yaml_too():
    key = {"id": "ours", "owner": "fleet-owner@example.org", "publicKey": PUBLIC, "scopes": ["a:*", "b"]}
    assert Keyring((OURS,)) == parse_keyring(json.dumps({"keys": [key]}), "keys.json")


def test_a_key_may_give_nothing():
    assert () == parse_keyring(keys_file(entry(scopes="[]")), "keys.yml").keys[0].scopes


@pytest.mark.parametrize(
    ("place", "words", "text"),
    [
        pytest.param("1:1", "a list of at least one key", "", id="nothing"),
        pytest.param("1:1", "a list of at least one key", "keys: []\n", id="empty-list"),
        pytest.param("1:1", "a list of at least one key", "keys: 7\n", id="keys-is-a-number"),
        pytest.param("1:1", "whose only member is `keys`", keys_file(entry()) + "more: 1\n", id="other-members"),
        pytest.param("2:3", "exactly the members id, owner, publicKey, scopes", "keys:\n- id: x\n", id="incomplete"),
        pytest.param("2:3", "exactly the members", keys_file(entry() + "  note: x\n"), id="unknown-member"),
        pytest.param("2:3", "exactly the members", "keys:\n- x\n", id="a-key-is-a-text"),
        pytest.param("2:3", "id must be 1 to 63 letters", keys_file(entry("a b")), id="id-with-a-space"),
        pytest.param("2:3", "id must be 1 to 63 letters", keys_file(entry("7")), id="id-is-a-number"),
        pytest.param("9:3", "id is that of another key", keys_file(entry(), entry()), id="twice"),
        pytest.param("3:3", "must say who answers", keys_file(entry(owner="''")), id="no-owner"),
        pytest.param("4:3", "not an Ed25519 key", keys_file(entry(pem=public_pem(RSA))), id="rsa"),
        pytest.param(
            "4:3", "not an Ed25519 key", keys_file(entry(pem=public_pem(Ed448PrivateKey.generate()))), id="ed448"
        ),
        pytest.param("4:3", "no public key in PEM form", keys_file(entry(pem="nonsense")), id="no-pem"),
        pytest.param("4:3", "no public key in PEM form", keys_file(entry(pem=PUBLIC[:60])), id="half-a-key"),
        pytest.param(
            "4:3", "must be a text", "keys:\n- id: a\n  owner: b\n  publicKey: 7\n  scopes: []\n", id="key-is-a-number"
        ),
        pytest.param("8:3", "scopes must be a list of texts", keys_file(entry(scopes="a")), id="scopes-is-a-text"),
        pytest.param("8:3", "scopes must be a list of texts", keys_file(entry(scopes="[1]")), id="scope-is-a-number"),
        pytest.param("8:3", "scopes must be a list of texts", keys_file(entry(scopes="['']")), id="scope-is-empty"),
        pytest.param("8:13", "cannot be read as YAML", keys_file(entry(scopes="[*]")), id="bare-star"),
        pytest.param("2:1", "cannot be read as YAML", "keys: [\n", id="no-yaml"),
        pytest.param("5:5", "a private key", keys_file(entry(pem=PRIVATE)), id="private-key"),
        pytest.param("5:5", "a private key", keys_file(entry(pem=PRIVATE[:60])), id="half-a-private-key"),
        pytest.param(
            "5:5",
            "a private key",
            keys_file(entry(pem=RSA_PRIVATE)),
            id="rsa-private-key",
        ),
        pytest.param("1:3", "a private key", f"# {PRIVATE}", id="private-key-in-a-comment"),
    ],
)
def test_what_is_wrong_with_a_keys_file_is_said_at_its_place_without_showing_it(place, words, text):
    with pytest.raises(ConfigInvalid) as caught:
        parse_keyring(text, "keys.yml")
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"keys.yml:{place}: ")
    assert words in problem.message
    assert shows_no_key(caught.value, PRIVATE, public_pem(RSA))
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def shows_no_key(error: Exception, *pems: str) -> bool:
    words = f"{error} {error!r}"
    return not any(line in words for pem in pems for line in pem.splitlines())


def test_a_private_key_without_its_frame_is_not_shown_where_a_member_stands_twice():
    """YAML readers show both values of such a member."""
    secret = PRIVATE.splitlines()[1]
    with pytest.raises(ConfigInvalid) as caught:
        parse_keyring(f"keys:\n- publicKey: {secret}\n  publicKey: {secret}\n", "keys.yml")
    assert shows_no_key(caught.value, secret)


def test_every_problem_of_a_keys_file_is_found():
    text = keys_file(entry("a b", scopes="a"), entry(pem="x"), entry(), "- x\n")
    with pytest.raises(ConfigInvalid) as caught:
        parse_keyring(text, "keys.yml")
    expected = ["/keys/0/id", "/keys/0/scopes", "/keys/1/publicKey", "/keys/2/id", "/keys/3"]
    assert expected == [each.pointer for each in caught.value.problems]
