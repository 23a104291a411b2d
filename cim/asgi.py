"""The ASGI application; web processes run as `uvicorn cim.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")

application = get_asgi_application()
