#!/usr/bin/env python
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refused:
        if "--traceback" in sys.argv:
            raise
        sys.exit(str(refused))
    except OperationalError as refused:
        # PostgreSQL gives what it refused itself a code; without one there is nobody to talk to.
        if "--traceback" in sys.argv or getattr(refused.__cause__, "sqlstate", None):
            raise
        from django.conf import settings

        hint = "" if settings.DATABASE_URL else "\nThe embedded database runs while `make run` does."
        sys.exit(f"The database does not answer: {str(refused).strip()}{hint}")
