"""Credentials at rest: encrypted with the first key of the environment, readable with any of them (M1).

With no key of its own the installation uses one derived from its secret key. Nothing here writes a log line, and what
it returns shows no secret in its repr.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """None of the keys of this installation opens what is stored."""

    def __str__(self) -> str:
        return "The credentials cannot be read with the keys of this installation (CIM_CRM_KEYS)."


class Credentials(Mapping[str, str]):
    """Secrets by name, which neither print nor pickle."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.__secrets = dict(secrets)

    def __getitem__(self, name: str) -> str:
        return self.__secrets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__secrets)

    def __len__(self) -> int:
        return len(self.__secrets)

    def __repr__(self) -> str:
        return f"<Credentials: {', '.join(sorted(self.__secrets)) or 'none'}>"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("credentials are not pickled")


def seal(secrets: Mapping[str, str]) -> str:
    """Encrypt secrets with the current key."""
    return _fernet().encrypt(json.dumps(dict(secrets)).encode()).decode()


def unseal(token: str) -> Credentials:
    """Decrypt what `seal` made. Raises Unreadable."""
    if not token:
        return Credentials({})
    try:
        return Credentials(json.loads(_fernet().decrypt(token.encode())))
    except (InvalidToken, ValueError):
        raise Unreadable from None


def rotated(token: str) -> str:
    """Encrypt anew with the current key what any of the keys opens. Raises Unreadable."""
    try:
        return _fernet().rotate(token.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def _fernet() -> MultiFernet:
    keys = [key.encode() for key in settings.CIM_CRM_KEYS]
    # Also when keys are given: the key before the first of them was the derived one.
    return MultiFernet([Fernet(key) for key in (*keys, _derived_key())])


def _derived_key() -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"cim crm credentials")
    return base64.urlsafe_b64encode(derivation.derive(settings.SECRET_KEY.encode()))
