"""The Celery application; workers run as `celery -A cim worker`.

The broker only says "there is work": the truth of every job is a row in the database, so that a message
which is lost or comes twice does no harm.
"""

import os
from typing import Any

import structlog
from celery import Celery, signals
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")

app = Celery("cim")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@signals.setup_logging.connect
def _log_like_the_web(**_: Any) -> None:
    """Leave logging to Django's LOGGING, so that a worker's lines look like the web's."""
    structlog.contextvars.clear_contextvars()
