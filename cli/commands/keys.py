"""`key` makes a key to sign messages with, `token` signs one message."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click

from cli.options import emit, global_options

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """Seconds of a duration such as `90s`, `5m`, `1h`."""
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration: write 90s, 5m or 1h")
    return float(int(found[1]) * _UNITS[found[2]])


@click.command()
@click.argument("name")
@click.option("--owner", metavar="WHO", help="Who answers for the key; NAME if not given.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="What it may give; again for each.")
@click.option("--out", required=True, metavar="FILE", type=click.Path(path_type=Path), help="A file that is new.")
@global_options
@click.pass_context
def key(context: click.Context, name: str, owner: str | None, scopes: tuple[str, ...], out: Path) -> None:
    """Make a key pair: the private key goes to FILE, the entry NAME for the workers' keys file is printed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
    from ruamel.yaml.scalarstring import LiteralScalarString

    pair = Ed25519PrivateKey.generate()
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    row = {"id": name, "owner": owner or name, "publicKey": public, "scopes": list(scopes)}
    entry = _entry({**row, "publicKey": LiteralScalarString(public)})
    _write_new(out, pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    emit(context, [row], entry.splitlines())


def _entry(row: Mapping[str, object]) -> str:
    """The YAML of one list item, which the reader of keys files accepts."""
    from io import StringIO

    from ruamel.yaml import YAML

    from worker_manager.errors import ConfigInvalid
    from worker_manager.tokens import parse_keyring

    text = StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump([row], text)
    try:
        parse_keyring(f"keys:\n{text.getvalue()}", "entry")
    except ConfigInvalid as error:
        raise click.UsageError("; ".join(each.message for each in error.problems)) from error
    return text.getvalue()


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first moment on; never in the place of another."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise click.ClickException(f"{path} exists and is left alone: name another file") from error
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error


@click.command()
@click.option("-w", "--workflow-id", required=True, metavar="ID", help="The receiver, such as worker-type:NAME.")
@click.option("--message", required=True, metavar="NAME", help="Update or signal, such as apply_config; or start.")
@click.option("-i", "--input", "text", metavar="JSON", help="The value that will be sent.")
@click.option("--input-file", "file", type=click.File(encoding="utf-8"), metavar="FILE", help="The same, in a file.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="Claim these and no others; again for each.")
@click.option("--lifetime", default="5m", callback=_seconds, metavar="DURATION", help="Default 5m, at most 1h.")
@click.option("--subject", default="", metavar="WHO", help="Who asks; the key's id if not given.")
@global_options
@click.pass_context
def token(
    context: click.Context,
    *,
    workflow_id: str,
    message: str,
    text: str | None,
    file: TextIO | None,
    scopes: tuple[str, ...],
    lifetime: float,
    subject: str,
) -> None:
    """Sign one message with the key of WM_SIGNING_KEY and WM_SIGNING_KEY_ID, and print the token.

    It claims the scopes of --scope, else of WM_SCOPES, else those that the message needs.
    """
    from dataclasses import replace

    from cli.signing import Signer, needed_scopes

    value = _value(text, file)
    signer = Signer.from_environment(os.environ)
    if signer is None:
        names = "set WM_SIGNING_KEY (path of the private key) and WM_SIGNING_KEY_ID (its id)"
        raise click.ClickException(f"there is no key to sign with: {names}; `wm key` makes one")
    signer = replace(signer, scopes=scopes or signer.scopes, subject=subject)
    needed = needed_scopes(workflow_id, message, value)
    if not signer.scopes and not needed:
        raise click.UsageError(f"which scopes a message to {workflow_id} needs is not known: give --scope")
    signed = signer.sign(workflow_id, message, value, needed, lifetime_seconds=lifetime)
    emit(context, [{"token": signed}], [signed])


def _value(text: str | None, file: TextIO | None) -> object:
    if (text is None) == (file is None):
        raise click.UsageError("give the value that will be sent: either -i JSON or --input-file FILE")
    try:
        value: object = json.loads(file.read() if file else text or "")
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"the value is not JSON: {error}") from error
    return value
