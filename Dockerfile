# CIM as an image: web, workers, the clock and every command are this one image with another command.
# PostgreSQL and the broker are servers of their own (compose.yaml); the embedded ones are for `make run`.
FROM node:22-bookworm-slim AS assets
WORKDIR /cim
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM python:3.13-slim-bookworm AS libraries
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cim \
    && install -d -o cim -g cim -m 0700 /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=cim.settings CIM_DATA_DIR=/data CIM_STATIC_DIR=/static
WORKDIR /cim
COPY --from=libraries /venv /venv
COPY --from=assets /cim/node_modules node_modules
COPY manage.py ./
COPY cim cim
COPY customers customers
COPY interactions interactions
COPY journeys journeys
COPY crm_mappings crm_mappings
COPY templates templates
COPY static static
COPY locale locale
# Collected once, readable by all, written by nobody at run time.
RUN CIM_SECRET_KEY=only-for-this-step DATABASE_URL=postgres://nobody@localhost/none CELERY_BROKER_URL=memory:// \
    python manage.py collectstatic --no-input --verbosity=0 && rm -r node_modules
USER cim
VOLUME /data
EXPOSE 8000
# A probe must ask for a host that is answered.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["python", "-c", "import os, urllib.request as web; \
host = os.environ.get('CIM_ALLOWED_HOSTS', 'localhost').split(',')[0].strip(); \
web.urlopen(web.Request('http://127.0.0.1:8000/readyz', headers={'Host': host}), timeout=5)"]
CMD ["uvicorn", "cim.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "4", "--no-access-log", "--lifespan", "off", "--timeout-graceful-shutdown", "10"]
