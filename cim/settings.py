"""Every setting of CIM; the only module that reads the environment.

A value that is not what its variable expects stops the start. The README lists every variable.
"""

import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
import phonenumbers
import structlog
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from cim import embedded
from cim.access.permissions import ROLES
from cim.privacy import hide_database_values

# Makes generic classes of Django subscriptable, so that annotations can say Field[str, str].
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent


def _text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def _boolean(name: str, default: bool) -> bool:
    value = _text(name, "true" if default else "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.")
    return value in {"true", "1"}


def _number(name: str, default: int) -> int:
    value = _text(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number.")
    return int(value)


def _secret(name: str) -> str:
    """Read a secret from `name`, or from the file that `name`_FILE points to."""
    file = _text(f"{name}_FILE")
    if not file:
        return _text(name)
    try:
        return Path(file).read_text().strip()
    except OSError as refused:
        raise ImproperlyConfigured(
            f"{name}_FILE is {file!r}; it cannot be read: {refused.strerror}."
        ) from None


def _list(name: str) -> list[str]:
    return [part.strip() for part in _text(name).split(",") if part.strip()]


# The place of this installation

DATA_DIR = Path(_text("CIM_DATA_DIR", str(BASE_DIR / "var"))).expanduser().absolute()
DEBUG = _boolean("CIM_DEBUG", default=False)
SECRET_KEY = _secret("CIM_SECRET_KEY") or embedded.stored_secret(DATA_DIR) or ("debug only" if DEBUG else "")
if not SECRET_KEY and sys.argv[1:2] == ["up"]:
    SECRET_KEY = embedded.make_secret(DATA_DIR)
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "CIM_SECRET_KEY is missing: set it to a long random text (make run keeps its own)."
    )
HOST = _text("CIM_HOST", "127.0.0.1")
PORT = _number("PORT", default=8000)
WEB_PROCESSES = _number("CIM_WEB_PROCESSES", default=2)
WORKER_PROCESSES = _number("CIM_WORKER_PROCESSES", default=2)
ALLOWED_HOSTS = _list("CIM_ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = _list("CIM_TRUSTED_ORIGINS")
FRAME_ANCESTORS = _list("CIM_FRAME_ANCESTORS")
PG_BIN = _text("CIM_PG_BIN")  # programs of the embedded PostgreSQL, when not those of the wheel
# Who was erased, by ids alone, outside the database: a restored back-up must forget them again (C17)
ERASURE_LOG = Path(_text("CIM_ERASURE_LOG", str(DATA_DIR / "erasures.log"))).expanduser().absolute()
METRICS_PUBLIC = _boolean("CIM_METRICS_PUBLIC", default=False)
DEMO_PASSWORD = _text("CIM_DEMO_PASSWORD")

# Apps and middleware

INSTALLED_APPS = [
    "cim.access.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "rest_framework",
    "cim",
    "cim.access.apps.AccessConfig",
    "customers",
    "interactions",
    "journeys",
    "crm_mappings",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "cim.privacy.NoStoreMiddleware",
    "cim.access.middleware.ReadableRequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "cim.access.middleware.PreferenceMiddleware",
    "cim.privacy.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "cim.access.middleware.SecondFactorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
if not FRAME_ANCESTORS:
    MIDDLEWARE.insert(2, "django.middleware.clickjacking.XFrameOptionsMiddleware")
ROOT_URLCONF = "cim.urls"
ASGI_APPLICATION = "cim.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cim.frame.frame",
            ],
        },
    },
]

# Database and jobs: real servers by address, else the embedded ones of `make run`

DATABASE_URL = _text("DATABASE_URL")
OWNER_DATABASE_URL = _text("CIM_OWNER_DATABASE_URL")
# Web and workers cannot change what has happened; these commands, and who builds indexes, own the tables (Q4).
_OWNERS_COMMANDS = {
    "up",
    "migrate",
    "flush",
    "grant_roles",
    "backup",
    "restore",
    "upgrade_postgres",
    "seed_customers",
}
AS_OWNER = _boolean("CIM_AS_OWNER", default=bool(_OWNERS_COMMANDS.intersection(sys.argv[1:2])))


def _database(name: str, url: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if found["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must begin with postgres://; CIM needs PostgreSQL 15 or later.")
    return found


if OWNER_DATABASE_URL and not DATABASE_URL:
    raise ImproperlyConfigured(
        "CIM_OWNER_DATABASE_URL is set; DATABASE_URL must say as whom the web connects."
    )
if DATABASE_URL:
    DATABASES = {"default": _database("DATABASE_URL", DATABASE_URL)}
    # As whom web and workers connect, where that is not the owner
    APP_ROLE = str(DATABASES["default"]["USER"]) if OWNER_DATABASE_URL else ""
    if OWNER_DATABASE_URL and AS_OWNER:
        DATABASES = {"default": _database("CIM_OWNER_DATABASE_URL", OWNER_DATABASE_URL)}
else:
    DATABASES = {"default": embedded.database(DATA_DIR, as_owner=AS_OWNER)}
    APP_ROLE = embedded.APP_USER
DATABASES["default"].setdefault("OPTIONS", {})
# What asks for it is planned once per connection; Django would turn that off.
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 5)
# The web keeps a pool of connections per process; everything else opens one and keeps it.
if pool_size := _number("CIM_DATABASE_POOL", default=0):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    # Else the first requests after a restart of the server would get the connections that died with it.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Threads of a web process that answer requests: more than connections, for what needs none
WEB_THREADS = 2 * (pool_size or 8)

BROKER_URL = _text("CELERY_BROKER_URL")
CELERY_BROKER_URL = BROKER_URL or f"redis+socket://{embedded.broker_socket(embedded.sockets(DATA_DIR))}"
if CELERY_BROKER_URL.startswith(("redis", "valkey")):
    # A task whose worker was killed comes back after this time, which must exceed the longest task.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A request does not wait for a broker that is away; a scheduled job finds what was left undone.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}
# A CRM may hang for half a minute: what waits for one has a queue of its own.
# Indexes are built by who owns the tables. A worker without -Q works on all queues.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("crm"), Queue("owner")]
CELERY_TASK_ROUTES = {"crm_mappings.*": {"queue": "crm"}, "customers.settle_indexes": {"queue": "owner"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    # A message waits no longer than until the next one: behind a long import they would only pile up.
    "customers.run_imports": {"task": "customers.run_imports", "schedule": 5, "options": {"expires": 5}},
    "customers.forget_import_files": {"task": "customers.forget_import_files", "schedule": 3600},
    "customers.settle_indexes": {
        "task": "customers.settle_indexes",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "customers.sum_up_tallies": {"task": "customers.sum_up_tallies", "schedule": 600},
    "customers.find_duplicates": {
        "task": "customers.find_duplicates",
        "schedule": 300,
        "options": {"expires": 300},
    },
    "customers.expire_contacts": {"task": "customers.expire_contacts", "schedule": 24 * 3600},
    "customers.purge_deleted": {"task": "customers.purge_deleted", "schedule": 24 * 3600},
    "customers.work_on_attribute_jobs": {
        "task": "customers.work_on_attribute_jobs",
        "schedule": 5,
        "options": {"expires": 5},
    },
    "customers.work_on_list_jobs": {
        "task": "customers.work_on_list_jobs",
        "schedule": 10,
        "options": {"expires": 10},
    },
    "customers.forget_list_jobs": {"task": "customers.forget_list_jobs", "schedule": 3600},
    "interactions.settle": {
        "task": "interactions.settle_interactions",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "interactions.forget_desk_events": {"task": "interactions.forget_desk_events", "schedule": 3600},
    "access.forget_expired": {"task": "access.forget_expired", "schedule": 3600},
    "crm_mappings.deliver_due": {
        "task": "crm_mappings.deliver_due",
        "schedule": 5,
        "options": {"expires": 5},
    },
    "crm_mappings.check_configurations": {"task": "crm_mappings.check_configurations", "schedule": 60},
    "journeys.expire_contexts": {"task": "journeys.expire_contexts", "schedule": 60},
    "journeys.prepare_flows": {
        "task": "journeys.prepare_flows",
        "schedule": 300,
        "options": {"expires": 300},
    },
}

# Sign-in and the browser's protections

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "cim.access.backends.ScopedBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "access:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "access:sign_in"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "cim.access.pages.locked_out"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are in the audit trail
SIGN_IN_FAILURES_PER_ADDRESS = 50  # in the time of AXES_COOLOFF_TIME, whoever was tried
AXES_VERBOSE = False

# The second factor and single sign-on are allauth's; the pages, the lockout and the names of roles are ours
ACCOUNT_ADAPTER = "cim.access.single_sign_on.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # its counters live in one process; ours are rows
ACCOUNT_UNIQUE_EMAIL = False
MFA_ADAPTER = "cim.access.second_factor.Adapter"
SOCIALACCOUNT_ADAPTER = "cim.access.single_sign_on.Adapter"
SOCIALACCOUNT_LOGIN_ON_GET = True
OIDC_ISSUER = _text("CIM_OIDC_ISSUER")
OIDC_NAME = _text("CIM_OIDC_NAME", "Single sign-on")
OIDC_GROUPS_CLAIM = _text("CIM_OIDC_GROUPS_CLAIM", "groups")
# Which role a group of the provider stands for
OIDC_ROLES: dict[str, str] = {}
for _pair in _list("CIM_OIDC_ROLES"):
    _group, _equals, _role = _pair.rpartition("=")
    if _role not in ROLES or not _group:
        raise ImproperlyConfigured(
            f"CIM_OIDC_ROLES is {_pair!r}; it must be a group and a role of {', '.join(ROLES)}, such as staff=Agent."
        )
    OIDC_ROLES[_group] = _role
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_ISSUER:
    if not OIDC_ROLES or not _text("CIM_OIDC_CLIENT_ID"):
        raise ImproperlyConfigured(
            "CIM_OIDC_ISSUER is set; CIM_OIDC_CLIENT_ID and CIM_OIDC_ROLES are needed as well."
        )
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": _text("CIM_OIDC_CLIENT_ID"),
                "secret": _secret("CIM_OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_ISSUER.rstrip("/"), "oauth_pkce_enabled": True},
            }
        ]
    }
# Mail, for forgotten passwords only; without a server there is no such link
MAIL_URL = _text("CIM_MAIL_URL", "consolemail://" if DEBUG else "")
if MAIL_URL:
    try:
        vars().update(environ.Env.email_url_config(MAIL_URL))
    except (KeyError, ValueError):
        raise ImproperlyConfigured(
            "CIM_MAIL_URL must look like smtp+tls://user:password@mail.example.org:587."
        ) from None
DEFAULT_FROM_EMAIL = _text("CIM_MAIL_FROM", "cim@localhost")
PASSWORD_RESET_TIMEOUT = 3600

HTTPS = _boolean("CIM_HTTPS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if FRAME_ANCESTORS and HTTPS:
    # In a frame of another site a browser sends no other cookies; framing is for the listed origins only.
    SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "None"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SILENCED_SYSTEM_CHECKS = [
    # The host's other names, and what speaks without TLS, are the proxy's affair.
    "security.W005",
    "security.W008",
    "security.W021",
    # The Context Store answers each path with and without a slash at its end.
    "drf_spectacular.W001",
]
SECURE_REFERRER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "cim.access.problems.csrf_failure"
if _boolean("CIM_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": FRAME_ANCESTORS or [NONE],
        "object-src": [NONE],
    },
}

# The API

# The largest body that is read at once, as of a batch of events; uploads are streamed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000
REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "cim.access.api.problem_handler",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "cim.access.api.KeyAuthentication",
        "cim.access.api.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cim.access.api.HasDeclaredPermission"],
    "DEFAULT_PARSER_CLASSES": ["cim.access.wire.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["cim.access.wire.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "cim.access.schema.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "cim.access.wire.Negotiation",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DATETIME_FORMAT": "iso-8601",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CIM",
    "DESCRIPTION": "The customer information manager: customers, interactions, journeys, CRM mappings.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "cim.api_examples.add_examples",
        "cim.health.describe",
    ],
}

# Customers

# The region of numbers without a country code, lengths of extensions, numbers that identify nobody (C11)
CIM_DEFAULT_REGION = _text("CIM_DEFAULT_REGION", "DE").upper()
if CIM_DEFAULT_REGION not in phonenumbers.SUPPORTED_REGIONS:
    raise ImproperlyConfigured(
        f"CIM_DEFAULT_REGION is {CIM_DEFAULT_REGION!r}; it must be a country like DE or US."
    )
CIM_EXTENSION_DIGITS = (
    _number("CIM_EXTENSION_SHORTEST", default=3),
    _number("CIM_EXTENSION_LONGEST", default=6),
)
CIM_STOP_NUMBERS = frozenset(_list("CIM_STOP_NUMBERS"))
# How long contacts that nobody has saved are kept without contact (C41)
CIM_CONTACT_DAYS = _number("CIM_CONTACT_DAYS", default=60)
# How long a deleted customer can be brought back, and how long an erased person is recognised (C17)
CIM_DELETED_DAYS = _number("CIM_DELETED_DAYS", default=90)
CIM_ERASED_DAYS = _number("CIM_ERASED_DAYS", default=730)
CIM_IMPORT_MAX_ROWS = _number("CIM_IMPORT_MAX_ROWS", default=100_000)
CIM_IMPORT_MAX_BYTES = 1024 * 1024 * _number("CIM_IMPORT_MAX_MEGABYTES", default=200)
CIM_IMPORT_FILE_DAYS = _number("CIM_IMPORT_FILE_DAYS", default=30)

# Interactions

# An offer older than this no longer pops (I20b); how numbers are dialled: tel, finesse or the path of a class (I30)
CIM_POP_SECONDS = _number("CIM_POP_SECONDS", default=60)
CIM_DIALLER = _text("CIM_DIALLER", "tel")
# "Call me now" on the desk: plays a call to whoever asks for one
CIM_DEMO_CALLS = _boolean("CIM_DEMO_CALLS", default=False)

# Journeys: the Context Store, as other makers' clients call it

# The service segments it answers under, and the path of each operation; a site may have its own
CIM_CONTEXT_STORE_BASES = _list("CIM_CONTEXT_STORE_BASES") or ["ContextStoreRest", "CSRest"]
CIM_CONTEXT_STORE_PATHS = {
    "contexts": "",
    "upsert": "upsert/{contextId}",
    "context": "{contextId}",
    "keys": "{contextId}/keys",
    "key": "{contextId}/keys/{key}",
    "group": "groups/{groupId}",
    "alias": "alias/{aliasId}",
    "audit": "audit/{contextId}",
}
for _pair in _list("CIM_CONTEXT_STORE_PATHS"):
    _operation, _equals, _path = _pair.partition("=")
    _wanted = set(re.findall(r"\{\w+\}", CIM_CONTEXT_STORE_PATHS.get(_operation, "")))
    if _operation not in CIM_CONTEXT_STORE_PATHS or set(re.findall(r"\{\w+\}", _path)) != _wanted:
        raise ImproperlyConfigured(
            f"CIM_CONTEXT_STORE_PATHS is {_pair!r}; it must be an operation of {', '.join(CIM_CONTEXT_STORE_PATHS)} and"
            f" a path with its parameters, such as audit=history/{{contextId}}."
        )
    CIM_CONTEXT_STORE_PATHS[_operation] = _path.strip("/")
# Operations whose paths no known client confirms: update, delete, keys, groups, aliases, audit
CIM_CONTEXT_STORE_UNCONFIRMED = _boolean("CIM_CONTEXT_STORE_UNCONFIRMED", default=False)
# How its clients are known: key, raw, certificate, none; the last two from these networks only, as this user
CIM_CONTEXT_STORE_AUTH = _list("CIM_CONTEXT_STORE_AUTH") or ["key"]
if _unknown := set(CIM_CONTEXT_STORE_AUTH) - {"key", "raw", "certificate", "none"}:
    raise ImproperlyConfigured(
        f"CIM_CONTEXT_STORE_AUTH names {', '.join(sorted(_unknown))}; it knows key, raw, certificate and none."
    )
try:
    CIM_CONTEXT_STORE_NETWORKS = [ipaddress.ip_network(_one) for _one in _list("CIM_CONTEXT_STORE_NETWORKS")]
except ValueError as _refused:
    raise ImproperlyConfigured(
        f"CIM_CONTEXT_STORE_NETWORKS: {_refused}; write it like 10.1.0.0/16."
    ) from None
if {"none", "certificate"} & set(CIM_CONTEXT_STORE_AUTH) and not CIM_CONTEXT_STORE_NETWORKS:
    raise ImproperlyConfigured(
        "CIM_CONTEXT_STORE_AUTH lets in clients without a key; CIM_CONTEXT_STORE_NETWORKS must say from where."
    )
CIM_CONTEXT_STORE_USER = _text("CIM_CONTEXT_STORE_USER", "integration")

# CRMs

# The first key encrypts credentials, all of them open them; without one a key is derived from SECRET_KEY
CIM_CRM_KEYS = [key.strip() for key in _secret("CIM_CRM_KEYS").split(",") if key.strip()]
for _number_of_key, _key in enumerate(CIM_CRM_KEYS, 1):
    try:
        Fernet(_key)
    except ValueError:
        raise ImproperlyConfigured(
            f"Key {_number_of_key} of CIM_CRM_KEYS is no Fernet key: 32 bytes in URL-safe base64 are needed."
        ) from None
# Hosts that adapters may call beside those of their own vendor
CIM_CRM_HOSTS = frozenset(_list("CIM_CRM_HOSTS"))
# For development: where the hosts of CRMs really are, such as 127.0.0.1:9009
CIM_CRM_LOCAL_ADDRESS = _text("CIM_CRM_LOCAL_ADDRESS")
if CIM_CRM_LOCAL_ADDRESS and not DEBUG:
    raise ImproperlyConfigured("CIM_CRM_LOCAL_ADDRESS is for development only: it needs CIM_DEBUG=true.")
if CIM_CRM_LOCAL_ADDRESS and not re.fullmatch(r"[\w.-]+:\d{1,5}", CIM_CRM_LOCAL_ADDRESS):
    raise ImproperlyConfigured(
        f"CIM_CRM_LOCAL_ADDRESS is {CIM_CRM_LOCAL_ADDRESS!r}; it must be a host and a port, like 127.0.0.1:9009."
    )
CIM_CRM_RATE = _number("CIM_CRM_RATE", default=240) or 1  # requests a minute to one CRM
CIM_CRM_TIMEOUT = _number("CIM_CRM_TIMEOUT", default=30)  # seconds; a token may take 15 to be renewed
CIM_CRM_TRIES = _number("CIM_CRM_TRIES", default=24)  # of a delivery, over about half a day
CIM_CRM_RETRY = 2.0  # seconds before the second try, doubled each time up to an hour
CIM_CRM_REST = 30.0  # seconds for which a failing CRM is left alone at first
CIM_CRM_MARGIN = 15.0  # seconds that a worker may take beyond the time-out before its work is taken from it
CIM_CRM_FRESH = _number("CIM_CRM_FRESH", default=300)  # seconds after which what a CRM said is fetched anew
CIM_CRM_TEXT_LIMIT = 20_000  # characters of a long text; the vendor takes 100 kB in all
CIM_CRM_DYNAMIC_STRINGS, CIM_CRM_DYNAMIC_OTHERS = 5, 3  # fields shown per record type (M20)
# Under which address people reach this installation, for links in what others keep
CIM_PUBLIC_ADDRESS = _text("CIM_PUBLIC_ADDRESS", f"http://localhost:{PORT}").rstrip("/")

# Languages and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "cim.formats"
TIME_ZONE = _text("CIM_TIME_ZONE", "UTC")
USE_TZ = True

# Files

STATIC_URL = "static/"
STATIC_ROOT = Path(_text("CIM_STATIC_DIR", str(DATA_DIR / "static"))).expanduser().absolute()
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "cim.assets.AppFinder",
    "cim.assets.NodeModulesFinder",
]
STATIC_FOLDERS_UNUSED = ["rest_framework", "redoc", "ext"]  # of djangorestframework, the sidecar, django-htmx
# What pages use of npm, served as vendor/<package>/<file>; a .map is listed when its file refers to it.
NODE_MODULES_FILES = {
    "@fontsource-variable/roboto": [
        f"files/roboto-{script}-wght-normal.woff2"
        for script in ("latin", "latin-ext", "cyrillic", "greek", "vietnamese")
    ],
    "echarts": ["dist/echarts.esm.min.mjs"],
    "tabulator-tables": [
        "dist/js/tabulator_esm.min.mjs",
        "dist/js/tabulator_esm.min.mjs.map",
        "dist/css/tabulator.min.css",
        "dist/css/tabulator.min.css.map",
    ],
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "cim.assets.HashedStorage",
    },
}
WHITENOISE_USE_FINDERS = DEBUG
# Maps are for a developer's tools only, and make up most of the bytes.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("gz", "map", "png", "woff", "woff2")
MEDIA_ROOT = DATA_DIR / "files"

# Logs: one JSON object a line, no personal data: no query strings, no addresses, no values of database errors

_LOG_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    hide_database_values,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _LOG_PROCESSORS,
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": _text("CIM_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django": {"handlers": ["console"], "propagate": False},
        # At debug it quotes what templates are given.
        "django.template": {"level": "INFO"},
        # Its lines name the person who signs in; the attempts are rows in the database.
        "axes": {"level": "ERROR"},
        # Their lines hold addresses with phone numbers, or headers with keys.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        *_LOG_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10  # debug: the line at the end of a request says it all
