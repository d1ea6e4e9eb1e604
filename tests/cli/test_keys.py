"""`wm key` and `wm token`: what they print is what the workers accept, and the private key stays in its file."""

import base64
import json
import os
import stat
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cli.commands.keys import key, token
from cli.signing import Signer, needed_scopes
from worker_manager.tokens import Claims, parse_keyring, payload_digest

VALUE = {"document": {"provider": "aws-provider", "scopes": ["secrets:b", "secrets:a"]}, "reason": "more"}
SCOPES = ["worker-manager:*", "secrets:*"]


def run(command, *words, **environment):
    """One of the two commands in this process, with no settings but those given."""
    clean = dict.fromkeys(("WM_SIGNING_KEY", "WM_SIGNING_KEY_ID", "WM_SCOPES"))
    return CliRunner().invoke(command, [str(each) for each in words], env={**clean, **environment})


@pytest.fixture
def pem(tmp_path) -> Path:
    return tmp_path / "pipeline.pem"


@pytest.fixture
def keyring(pem):
    """The keys file made of what `wm key` prints; its private key is in `pem`."""
    scopes = [word for each in SCOPES for word in ("--scope", each)]
    result = run(key, "pipeline", "--owner", "fleet-owner@example.org", *scopes, "--out", pem)
    assert 0 == result.exit_code, result.output
    return parse_keyring(f"keys:\n{result.stdout}", "keys.yml")


@pytest.fixture
def settings(keyring, pem) -> dict[str, str]:
    return {"WM_SIGNING_KEY": str(pem), "WM_SIGNING_KEY_ID": "pipeline"}


@pytest.fixture
def verify(keyring):
    """What the workers make of a printed token, now."""

    def claims(printed: str, value=VALUE, workflow_id="worker-type:sample", message="apply_config") -> Claims:
        said = {"workflow_id": workflow_id, "message": message, "digest": payload_digest(value)}
        return keyring.verify(printed.strip(), **said, now=time.time())

    return claims


def sign(*words, **environment):
    return run(token, "-w", "worker-type:sample", "--message", "apply_config", *words, **environment)


# ---- wm key ----


def test_the_entry_is_what_was_asked_for(keyring):
    (made,) = keyring.keys
    assert ("pipeline", "fleet-owner@example.org", tuple(SCOPES)) == (made.key_id, made.owner, made.scopes)


def test_the_file_has_the_private_key_of_the_entry(keyring, pem):
    private = load_pem_private_key(pem.read_bytes(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert public == keyring.keys[0].public_key_pem


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_the_private_key(mask, pem):
    before = os.umask(mask)
    try:
        assert 0 == run(key, "x", "--out", pem).exit_code
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE(pem.stat().st_mode)


def test_the_private_key_is_not_printed(pem):
    result = run(key, "x", "--out", pem)
    secret = pem.read_text(encoding="ascii").splitlines()[1]
    assert secret not in result.output
    assert "PRIVATE" not in result.output


def test_a_file_that_exists_is_left_alone(pem):
    pem.write_text("precious", encoding="ascii")
    result = run(key, "x", "--out", pem)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "exists and is left alone" in result.stderr
    assert "precious" == pem.read_text(encoding="ascii")


def test_a_link_is_not_followed(pem, tmp_path):
    pem.symlink_to(tmp_path / "elsewhere.pem")
    assert "exists and is left alone" in run(key, "x", "--out", pem).stderr
    assert not (tmp_path / "elsewhere.pem").exists()


def test_a_folder_that_does_not_exist_is_one_clear_line(tmp_path):
    result = run(key, "x", "--out", tmp_path / "no" / "x.pem")
    assert 1 == result.exit_code
    assert "cannot be written: No such file" in result.stderr


def test_a_name_that_no_keys_file_may_have_makes_no_file(pem):
    result = run(key, "a b", "--out", pem)
    assert 2 == result.exit_code
    assert "id must be 1 to 63 letters" in result.stderr
    assert not pem.exists()


def test_who_answers_for_a_key_is_its_name_where_nobody_is_named(pem):
    result = run(key, "x", "--out", pem)
    assert "x" == parse_keyring(f"keys:\n{result.stdout}", "keys.yml").keys[0].owner


def test_two_keys_differ(tmp_path):
    printed = [run(key, "x", "--out", tmp_path / name).stdout for name in ("1.pem", "2.pem")]
    assert printed[0] != printed[1]


def test_the_entry_is_there_for_programs(pem):
    rows = json.loads(run(key, "x", "--scope", "a", "--out", pem, "-o", "json").stdout)
    assert ("a",) == parse_keyring(json.dumps({"keys": rows}), "keys.json").keys[0].scopes


# ---- wm token ----


def test_the_token_is_accepted_for_what_was_signed(verify, settings):
    result = sign("-i", json.dumps(VALUE), **settings)
    assert (0, 1) == (result.exit_code, len(result.stdout.splitlines())), result.output
    assert "pipeline" == verify(result.stdout).subject == verify(result.stdout).key_id


def test_the_value_may_be_in_a_file(verify, settings, tmp_path):
    file = tmp_path / "value.json"
    file.write_text(json.dumps(VALUE), encoding="utf-8")
    assert verify(sign("--input-file", file, **settings).stdout)


def test_the_token_goes_into_the_value_that_it_was_made_for(verify, settings):
    printed = sign("-i", json.dumps(VALUE), **settings).stdout.strip()
    assert verify(printed, {**VALUE, "authorization": printed})


def test_without_scopes_a_token_claims_what_its_message_needs(verify, settings):
    expected = {"worker-manager:manage-worker-type:sample", "worker-manager:provider:aws-provider"}
    claims = verify(sign("-i", json.dumps(VALUE), **settings).stdout)
    assert {*expected, "secrets:a", "secrets:b"} == set(claims.scopes)


@pytest.mark.parametrize(
    ("expected", "words", "listed"),
    [
        (["secrets:x", "secrets:y"], [], " secrets:x ,, secrets:y"),
        (["secrets:z"], ["--scope", "secrets:z"], "secrets:x"),
        (["secrets:z", "secrets:y"], ["--scope", "secrets:z", "--scope", "secrets:y"], ""),
    ],
)
def test_scopes_are_the_options_then_the_environments(expected, words, listed, verify, settings):
    claims = verify(sign("-i", json.dumps(VALUE), *words, WM_SCOPES=listed, **settings).stdout)
    assert tuple(expected) == claims.scopes


@pytest.mark.parametrize(("expected", "text"), [(90, "90s"), (90, "90"), (300, "5m"), (3600, "1h"), (300, None)])
def test_a_token_lives_as_long_as_it_is_told(expected, text, settings):
    words = ["--lifetime", text] if text else []
    printed = sign("-i", "{}", *words, **settings).stdout
    claims = json.loads(decoded(printed.split(".")[1]))
    assert expected == claims["exp"] - claims["iat"]


def decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def test_the_subject_is_who_is_named(verify, settings):
    printed = sign("-i", json.dumps(VALUE), "--subject", "fleet-owner@example.org", **settings).stdout
    assert "fleet-owner@example.org" == verify(printed).subject


def test_every_token_has_an_id_of_its_own(verify, settings):
    ids = {verify(sign("-i", json.dumps(VALUE), **settings).stdout).token_id for _ in range(3)}
    assert 3 == len(ids)


def test_the_token_is_there_for_programs(verify, settings):
    (row,) = json.loads(sign("-i", json.dumps(VALUE), "-o", "json", **settings).stdout)
    assert verify(row["token"])


@pytest.mark.parametrize(
    ("code", "words", "arguments"),
    [
        pytest.param(2, "either -i JSON or --input-file", [], id="no-value"),
        pytest.param(2, "either -i JSON or --input-file", ["-i", "1", "--input-file", os.devnull], id="two-values"),
        pytest.param(2, "the value is not JSON", ["-i", "{"], id="no-json"),
        pytest.param(2, "the value is not JSON", ["-i", "[" * 100_000], id="too-deep-for-json"),
        pytest.param(1, "is not a number that JSON has", ["-i", "[NaN]"], id="nan"),
        pytest.param(1, "more than 53 bits", ["-i", str(2**53)], id="big-number"),
        pytest.param(1, "from 1 to 3600 s, not 7200 s", ["-i", "{}", "--lifetime", "2h"], id="lives-too-long"),
        pytest.param(2, "write 90s, 5m or 1h", ["-i", "{}", "--lifetime", "soon"], id="no-duration"),
        pytest.param(2, "write 90s, 5m or 1h", ["-i", "{}", "--lifetime", "-5m"], id="negative"),
        pytest.param(2, "give --scope", ["-i", "{}", "-w", "inventory:aws-provider"], id="needs-unknown"),
    ],
)
def test_what_cannot_be_signed_is_one_clear_line(code, words, arguments, settings):
    result = sign(*arguments, **settings)
    assert (code, "") == (result.exit_code, result.stdout)
    assert words in result.stderr


def test_without_a_key_it_says_how_to_get_one():
    result = sign("-i", "{}")
    assert 1 == result.exit_code
    assert "there is no key to sign with: set WM_SIGNING_KEY" in result.stderr
    assert "`wm key` makes one" in result.stderr


@pytest.mark.parametrize(
    ("words", "content"),
    [
        ("no private key in PEM form", "nonsense"),
        ("no private key in PEM form", "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n"),
        ("No such file", None),
    ],
)
def test_a_key_that_cannot_be_used_is_not_shown(words, content, tmp_path):
    file = tmp_path / "bad.pem"
    if content is not None:
        file.write_text(content, encoding="ascii")
    result = sign("-i", "{}", WM_SIGNING_KEY=str(file), WM_SIGNING_KEY_ID="x")
    assert 1 == result.exit_code
    assert words in result.stderr
    assert "bm9u" not in result.output
    assert "nonsense" not in result.output


# ---- the signer that other commands use ----


def test_without_settings_nothing_is_signed():
    assert None is Signer.from_environment({"WM_SCOPES": "a"})


@pytest.mark.parametrize(
    ("lacking", "environ"),
    [
        ("WM_SIGNING_KEY_ID (its id) is not set", {"WM_SIGNING_KEY": "x.pem"}),
        ("WM_SIGNING_KEY (path of the private key) is not set", {"WM_SIGNING_KEY_ID": "x", "WM_SIGNING_KEY": ""}),
    ],
)
def test_half_a_setting_is_an_error_and_not_an_unsigned_message(lacking, environ):
    with pytest.raises(click.ClickException) as caught:
        Signer.from_environment(environ)
    assert lacking in caught.value.message


def test_the_caller_says_what_a_message_needs(settings, verify):
    signer = Signer.from_environment(settings)
    assert ("secrets:q",) == verify(signer.sign("worker-type:sample", "apply_config", VALUE, ["secrets:q"])).scopes


def test_the_representation_of_a_signer_has_no_key(settings, pem):
    shown = repr(Signer.from_environment(settings))
    assert "pipeline" in shown
    assert pem.read_text(encoding="ascii").splitlines()[1] not in shown
    assert "PRIVATE" not in shown


MANAGE = "worker-manager:manage-worker-type:x"


@pytest.mark.parametrize(
    ("expected", "workflow_id", "message", "value"),
    [
        (["worker-manager:manage-shared-config:x"], "shared-config:x", "apply_config", {"scopes": ["a"]}),
        (["worker-manager:report-demand:x"], "worker-type:x", "set_demand", 7),
        (["worker-manager:report-demand:x"], "worker-type:x", "may_go", {"instanceId": "i-1"}),
        ([MANAGE], "worker-type:x", "pause", "lunch"),
        ([MANAGE, "worker-manager:provider:p", "a"], "worker-type:x", "start", {"provider": "p", "scopes": ["a"]}),
        ([MANAGE, "worker-manager:provider:p"], "worker-type:x", "apply_config", {"document": {"provider": "p"}}),
        ([MANAGE, "a"], "worker-type:x", "patch_config", {"patch": {"scopes": ["a"]}}),
        ([MANAGE], "worker-type:x", "apply_config", {"document": {"provider": 7, "scopes": [7]}}),
        ([MANAGE], "worker-type:x", "apply_config", {"document": 7}),
        ([], "elsewhere", "start", {}),
    ],
)
def test_what_a_message_needs_shows_from_itself(expected, workflow_id, message, value):
    assert tuple(expected) == needed_scopes(workflow_id, message, value)
