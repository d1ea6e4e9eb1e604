"""Decides whether a message was signed by somebody who may send it: tokens, the keys they are verified with, digests.

A token is a JWT signed with Ed25519. It is good for one payload of one message to one workflow, and for minutes. It
does not say which Temporal namespace it is for, and its receiver must remember the ids of tokens until well after they
expired (clocks differ, verifying allows a leeway) if no message may count twice. Knows no clock and no environment,
reads no files and sends nothing; nothing of a token's text or of a key is in any error, representation or log.

PyJWT, cryptography and the YAML reader are imported where they are used: most who import this module need none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from worker_manager.canonical_json import canonical_json
from worker_manager.errors import ConfigInvalid, WorkerManagerError
from worker_manager.scopes import missing
from worker_manager.shape import clip, shape_problems

MAX_TOKEN_CHARACTERS = 8192
MAX_LIFETIME_SECONDS = 3600
MAX_SIGNED_BYTES = 2 * 1024 * 1024  # Temporal takes no larger payload

_ALGORITHM = "EdDSA"
_MAX_EPOCH = 1e11
# Text claims: what they are for, and how long they may be.
_TEXTS = {
    "sub": ("who asks", 200),
    "aud": ("the workflow it is for", 1000),
    "msg": ("the message it is for", 200),
    "dig": ("the digest of the payload", 100),
    "jti": ("its own id", 64),
}
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
# 64 bytes in their only base64url spelling: without the last class, one signature had sixteen spellings.
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{85}[AQgw]")


class NotAuthorized(WorkerManagerError):
    """A message is not signed as it must be, or its sender may not send it; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. `expires_at` in epoch seconds."""

    subject: str
    scopes: tuple[str, ...]
    token_id: str
    expires_at: float
    key_id: str


def payload_digest(value: Any) -> str:
    """`sha256-` and the hexadecimal SHA-256 of a message's JSON value, in the canonical form of RFC 8785 (UTF-8).

    If the value is an object, its own member `authorization` is left out; deeper ones count. So the digest of

        {"pending": 7.0, "authorization": "…", "author": "Zoë"}

    is that of the 29 bytes `{"author":"Zoë","pending":7}`:

        sha256-6fca46341fecc42616b2a7f29e21afed5038398e37893e3b740c6f914be1a141

    Raises:
        ConfigInvalid: it is no JSON that every language reads alike, such as whole numbers of more than 53 bits.
    """
    signed = {name: value[name] for name in value if name != "authorization"} if isinstance(value, dict) else value
    if problems := shape_problems(signed, MAX_SIGNED_BYTES):
        raise ConfigInvalid(problems)
    return f"sha256-{hashlib.sha256(canonical_json(signed).encode()).hexdigest()}"


def mint(
    private_key_pem: bytes | str,
    *,
    key_id: str,
    subject: str,
    workflow_id: str,
    message: str,
    value: Any,
    scopes: Iterable[str],
    now: float | datetime,
    lifetime_seconds: float = 300,
    token_id: str,
) -> str:
    """A token for one message. `message` is the name of the update or signal, or `start`.

    Raises:
        NotAuthorized: it cannot be made, or nobody would accept it.
        ConfigInvalid: the value has no digest.
    """
    if not 1 <= lifetime_seconds <= MAX_LIFETIME_SECONDS:
        raise NotAuthorized(f"a token lives from 1 to {MAX_LIFETIME_SECONDS} s, not {lifetime_seconds:g} s")
    import jwt

    from worker_manager.pem import private_key

    try:
        key = private_key(private_key_pem)
    except ValueError as error:
        raise NotAuthorized(f"the signing key {error}") from None
    issued = int(_epoch(now))
    texts = {"sub": subject, "aud": workflow_id, "msg": message, "dig": payload_digest(value), "jti": token_id}
    times = {"iat": issued, "nbf": issued, "exp": issued + int(lifetime_seconds)}
    claims = {**texts, **times, "scopes": list(scopes)}
    _check_claims(claims)
    token = jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": key_id})
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise NotAuthorized(f"the token is longer than {MAX_TOKEN_CHARACTERS} characters: claim fewer scopes")
    return token


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that tokens are accepted from, and the scopes that they may claim."""

    key_id: str
    public_key_pem: str = field(repr=False)
    owner: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys that tokens are accepted from; no two have the same id."""

    keys: tuple[VerificationKey, ...]

    def verify(
        self,
        token: str,
        *,
        workflow_id: str,
        message: str,
        digest: str,
        now: float | datetime,
        leeway_seconds: float = 10,
    ) -> Claims:
        """What the token says, if it is good for this message. Raises NotAuthorized.

        Args:
            token: as it came.
            workflow_id: the receiver's.
            message: name of the update or signal, or `start`.
            digest: `payload_digest` of the value that came.
            now: the receiver's time, epoch seconds or with a time zone.
            leeway_seconds: by how much the clocks may differ.
        """
        key = self._key(_header(token))
        claims = _signed_claims(token, key)
        _check_claims(claims)
        _check_time(claims, _epoch(now), leeway_seconds)
        _check_purpose(claims, workflow_id, message, digest)
        if beyond := missing(key.scopes, claims["scopes"]):
            raise NotAuthorized(f"the token claims {_listed(beyond)}, which its key {key.key_id!r} may not give")
        return Claims(claims["sub"], tuple(claims["scopes"]), claims["jti"], float(claims["exp"]), key.key_id)

    def _key(self, header: Mapping[str, Any]) -> VerificationKey:
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise NotAuthorized("the token does not say which key signed it (kid): make it with `wm token`")
        for key in self.keys:
            if key.key_id == key_id:
                return key
        text = f"the token's key {clip(key_id)} is not known here: add its public key to the keys file, or use another"
        raise NotAuthorized(text)


def parse_keyring(text: str, where: str) -> Keyring:
    """The keys of a keys file, `where` being its name in errors: `keys: [{id, owner, publicKey, scopes: [...]}]`.

    Raises ConfigInvalid with every problem, each with its line and column.
    """
    from worker_manager.keys_file import read_keys_file

    entries = read_keys_file(text, where)
    return Keyring(
        tuple(VerificationKey(each.key_id, each.public_key_pem, each.owner, each.scopes) for each in entries)
    )


def require(claims: Claims, wanted: Iterable[str]) -> None:
    """Raise NotAuthorized naming every wanted scope that the claims do not cover."""
    if lacking := missing(claims.scopes, wanted):
        text = f"{clip(claims.subject)} does not hold {_listed(lacking)}; ask for them, or leave them out"
        raise NotAuthorized(text)


def _header(token: str) -> Mapping[str, Any]:
    """The header of a token that may be worth verifying; nothing in it is to be believed."""
    import jwt

    if not token:
        raise NotAuthorized("there is no token: make one with `wm token`")
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise NotAuthorized(f"the token is longer than {MAX_TOKEN_CHARACTERS} characters: claim fewer scopes")
    malformed = NotAuthorized("this is no token: give the three parts joined by dots, alone, as `wm token` prints them")
    if not _TOKEN.fullmatch(token):
        raise malformed
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise malformed from None
    if header.get("alg") != _ALGORITHM or "crit" in header:
        raise NotAuthorized(f"the token is not signed with plain {_ALGORITHM}, which alone is accepted: use `wm token`")
    return header


def _signed_claims(token: str, key: VerificationKey) -> dict[str, Any]:
    """The claims, which the key signed. The key alone decides how it is verified, never the token's header."""
    import jwt

    from worker_manager.pem import public_key

    forged = NotAuthorized(f"the token was not signed by the key {key.key_id!r}: it was altered, or is another key's")
    if not _SIGNATURE.fullmatch(token.rpartition(".")[2]):
        raise forged
    try:
        signer = jwt.PyJWS(algorithms=[_ALGORITHM])
        payload = signer.decode(token, public_key(key.public_key_pem), algorithms=[_ALGORITHM])
    except jwt.PyJWTError:
        raise forged from None
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise NotAuthorized("the token's claims are no JSON object: make it with `wm token`")
    return claims


def _check_claims(claims: Mapping[str, Any]) -> None:
    """Every claim is there and what it must be. NaN, which Python reads, would be neither early nor late: refused."""
    for name, (meaning, most) in _TEXTS.items():
        text = claims.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= most:
            raise NotAuthorized(f"the token must say {meaning} ({name}), in 1 to {most} characters")
    for name in ("iat", "nbf", "exp"):
        time = claims.get(name)
        if not isinstance(time, int | float) or isinstance(time, bool) or not 0 <= time <= _MAX_EPOCH:
            raise NotAuthorized(f"the token must have a time in epoch seconds as {name}")
    scopes = claims.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(each, str) for each in scopes):
        raise NotAuthorized("the token must list the scopes that it claims (scopes), as texts")


def _check_time(claims: Mapping[str, Any], now: float, leeway: float) -> None:
    issued, expires, begins = claims["iat"], claims["exp"], max(claims["iat"], claims["nbf"])
    if expires - issued > MAX_LIFETIME_SECONDS:
        text = f"the token lives {expires - issued:.0f} s: at most {MAX_LIFETIME_SECONDS} s are accepted"
        raise NotAuthorized(text)
    if begins > now + leeway:
        raise NotAuthorized(f"the token is not valid for another {begins - now:.0f} s: compare the clocks")
    if expires + leeway <= now:
        raise NotAuthorized(f"the token expired {now - expires:.0f} s ago: make a new one")


def _check_purpose(claims: Mapping[str, Any], workflow_id: str, message: str, digest: str) -> None:
    for name, actual in (("aud", workflow_id), ("msg", message)):
        if claims[name] != actual:
            text = f"the token was made for {clip(claims[name])}, not for {clip(actual)}: make one for each message"
            raise NotAuthorized(text)
    if claims["dig"] != digest:
        raise NotAuthorized("the payload is not the one that was signed: sign exactly what is sent")


def _epoch(now: float | datetime) -> float:
    if not isinstance(now, datetime):
        return now
    if now.tzinfo is None:
        raise ValueError("a time without a time zone is no point in time")
    return now.timestamp()


def _listed(scopes: Iterable[str]) -> str:
    return ", ".join(clip(each, 300) for each in scopes)
