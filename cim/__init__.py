"""The wiring of CIM: settings, addresses, processes. It imports every app; no app imports it.

The one exception is `cim.access`, the ground floor that every app stands on.
"""

from cim.celery import app as celery_app

__all__ = ["celery_app"]
