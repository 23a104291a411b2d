"""The ASGI application; web processes run as `uvicorn cim.asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")

django.setup(set_prefix=False)

from cim.access.cancelling import with_cancelling  # noqa: E402 - the apps must be ready first
from cim.serving import OneThreadHandler  # noqa: E402
from interactions.stream import STREAMS as DESK_STREAMS  # noqa: E402
from interactions.stream import with_streams  # noqa: E402
from journeys.stream import STREAMS as JOURNEY_STREAMS  # noqa: E402

# Streams stay open all day: they stand beside Django, whose middleware would hold a thread for each.
application = with_streams(with_cancelling(OneThreadHandler()), {**DESK_STREAMS, **JOURNEY_STREAMS})
