"""The settings of the tests: those of production, but for what would need assets, an address or time."""

import os

os.environ.setdefault("CIM_SECRET_KEY", "only for tests")
os.environ.setdefault("CIM_HTTPS", "false")
os.environ.setdefault("CIM_LOG_LEVEL", "WARNING")
# Tasks go nowhere, unless a test asks for the broker.
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
if os.environ.get("CIM_TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["CIM_TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)

from cim.settings import *  # noqa: F403 - the environment comes first
from cim.settings import STORAGES

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A CRM of our own on loopback, and patience that suits a test.
CIM_CRM_LOCAL_ADDRESS = os.environ.get("CIM_TEST_CRM", "")
CIM_CRM_RETRY = 0.2
CIM_CRM_REST = 0.5
CIM_CRM_MARGIN = 1.0
