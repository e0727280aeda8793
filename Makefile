# Two commands do everything on a fresh machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

LOCKING ?= $(VENV)-lock
CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: run test quick lint types unit chromium nginx bench claims portable lock clean

run: $(VENV)/run
	$(BIN)/streamlit run app.py

test: lint types unit

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev $(VENV)/typescript
	$(BIN)/mypy
	@! test -x $(VENV)/node_modules/.bin/tsc || $(VENV)/node_modules/.bin/tsc -p explainer/player/modules

unit: $(VENV)/dev chromium nginx
	$(BIN)/python -m pytest -q -rsR --durations=15 -n 2 --dist loadfile --no-loadscope-reorder

# What computes and needs no browser, store or page: under a minute.
quick: $(VENV)/dev
	$(BIN)/python -m tests.quick

bench: $(VENV)/dev chromium
	$(BIN)/python -m benchmarks

# The tests without a browser under other processors' arithmetic; QUICK=--quick: two of them, and what is quick.
portable: $(VENV)/dev
	$(BIN)/python -m tests.portable $(QUICK)

claims: $(VENV)/dev
	$(BIN)/python -m benchmarks.claims $(NAME)

# What a host installs, every package with its version and hashes: Linux on x86_64, Python 3.11, torch without the GPU's
# libraries. Run it under such a Python after a change of requirements.txt; `make lock UPGRADE=--upgrade` takes the newest.
lock:
	$(PYTHON) -m venv $(LOCKING)
	$(LOCKING)/bin/pip install -q 'pip-tools>=7.5'
	$(LOCKING)/bin/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
		--no-emit-options $(UPGRADE) --extra-index-url $(CPU_INDEX) --output-file requirements.lock requirements.txt
	printf '%s\n' '# Made by `make lock` from requirements.txt: Linux on x86_64, Python 3.11. Do not edit.' \
		'--extra-index-url $(CPU_INDEX)' '' | cat - requirements.lock > requirements.lock.new
	mv requirements.lock.new requirements.lock

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		{ SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); $$SUDO apt-get update -q && $$SUDO apt-get install -y -q chromium; }

# A proxy for the tests of hosting; without apt they are skipped, and say so. The service that comes with it is not needed.
nginx:
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null || ! command -v apt-get >/dev/null || \
		{ SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); $$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends nginx-light; \
		$$SUDO systemctl disable -q --now nginx 2>/dev/null || true; }

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements.txt
	touch $@

$(VENV)/dev: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@

# Reads the types of the player's modules, which run as they are; without npm or its registry they are not checked, which this says.
$(VENV)/typescript: Makefile | $(VENV)/bin/python
	@npm install --silent --no-audit --no-fund --no-save --prefix $(VENV) typescript@5.9.3 || \
		echo "TypeScript can't be had through npm here: the types of the player's modules are not checked."
	touch $@

clean:
	rm -rf $(VENV) $(LOCKING) .pytest_cache .mypy_cache .ruff_cache .hypothesis
