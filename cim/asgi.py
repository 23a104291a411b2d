"""The ASGI application; web processes run as `uvicorn cim.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")

_django = get_asgi_application()

from cim.access.cancelling import with_cancelling  # noqa: E402 - the apps must be ready first
from interactions.stream import STREAMS as DESK_STREAMS  # noqa: E402
from interactions.stream import with_streams  # noqa: E402
from journeys.stream import STREAMS as JOURNEY_STREAMS  # noqa: E402

# Streams stay open all day: they stand beside Django, whose middleware would hold a thread for each.
application = with_streams(with_cancelling(_django), {**DESK_STREAMS, **JOURNEY_STREAMS})
