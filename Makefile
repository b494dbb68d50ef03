# VLASS Explorer. `make` lists the targets; `make app` and `make test` need only Python >= 3.11 and make.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
APT := $(if $(filter 0,$(shell id -u)),apt-get,sudo apt-get)

.DEFAULT_GOAL := help
.PHONY: help app test check train bench chromium slurm

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

app: .venv/app.stamp ## set up what is missing and start the app on port 8501 (PORT=8600 for another)
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.headless true

test: .venv/dev.stamp chromium slurm ## set up what is missing and run every check and test, browser included
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

check: .venv/dev.stamp ## format, lint and types only
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy

train: .venv/app.stamp ## list the recipes; train one with: .venv/bin/python -m train fit --recipe NAME data_dir=FOLDER
	$(BIN)/python -m train recipes

bench: .venv/dev.stamp chromium ## run the benchmarks, each against its baseline in the same run
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/app.stamp: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements-oracles.txt .venv/app.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-oracles.txt
	@touch $@

chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { $(APT) update -q && $(APT) install -q -y --no-install-recommends chromium; }

# A one-node cluster for the tests of SLURM jobs; without root they are skipped.
slurm:
	@command -v slurmctld /usr/sbin/slurmctld >/dev/null 2>&1 || { $(APT) update -q && $(APT) install -q -y --no-install-recommends slurm-wlm munge; } \
		|| echo "slurm-wlm and munge cannot be installed: the tests of SLURM jobs are skipped."
