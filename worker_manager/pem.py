"""Reads Ed25519 keys in PEM form. What is wrong with one is said without showing any of it."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


def public_key(pem: str) -> Ed25519PublicKey:
    """Raises ValueError with a sentence that goes on from the name of the key."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is no public key in PEM form: give all of it, from BEGIN to END") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is not an Ed25519 key: make one with `wm key`")  # noqa: TRY004  # the text is at fault
    return key


def private_key(pem: bytes | str) -> Ed25519PrivateKey:
    """Raises ValueError with a sentence that goes on from the name of the key."""
    try:
        key = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, password=None)
    except TypeError:  # what cryptography raises when a password is needed
        raise ValueError("is encrypted: give it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is no private key in PEM form: make one with `wm key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("is not an Ed25519 key: make one with `wm key`")  # noqa: TRY004  # the text is at fault
    return key
