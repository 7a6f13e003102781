# `make demo` and `make test` need only Python >= 3.11; everything else is set up here, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PINS := requirements/local.txt requirements/test.txt

.PHONY: demo test nodes fuzz prometheus dashboard browser up readme lint pins build e2e clean
.PHONY: bench bench-ready bench-tests bench-alternatives bench-images bench-cold_start bench-cpu_share bench-aws
.DEFAULT_GOAL := test

$(READY): $(PINS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("hearth needs Python >= 3.11, this is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.13 ...")'
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes $(addprefix -r ,$(PINS))
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/python -m hearth_local.demo

test: $(READY)
	@$(BIN)/python -m pytest -m "not bench and not prometheus and not browser" -n 2

# ONNX's own tests, each published, proven, asked and compared; those that match, with ONLY=test_cast.
nodes: $(READY)
	@cd tests && $(abspath $(BIN))/python -m nodes "$(ONLY)"

up: $(READY)
	@$(BIN)/hearth up --demo-models

readme: $(READY)
	@$(BIN)/python -m hearth_local.readme

# make bench BENCH=alternatives, or images, cold_start, cpu_share, tests; ARGS go to all but tests: ARGS=--help.
# What is set beside Hearth is installed in environments of its own: the libraries of handlers in one, each server in another.
BENCH ?= alternatives images tests
SERVERS := fastapi litserve kserve mlserver bentoml
bench: $(BENCH:%=bench-%)

bench-ready:
	@$(MAKE) --no-print-directory VENV=.venv-bench PINS='$(PINS) requirements/bench.txt' .venv-bench/ready

bench-tests: bench-ready
	@.venv-bench/bin/python -m pytest -m bench -s tests/bench

bench-alternatives bench-images: $(SERVERS:%=bench-server-%)

bench-images: bench-ready
	@PYTHONPATH=tests .venv-bench/bin/python -m bench.alternatives --image $(ARGS)

bench-alternatives bench-cold_start bench-cpu_share: bench-ready
	@PYTHONPATH=tests .venv-bench/bin/python -m bench.$(@:bench-%=%) $(ARGS)

bench-server-%:
	@$(MAKE) --no-print-directory .venv-bench-$*/ready || echo "$* does not install here, and is left out"

# Cold starts on AWS itself, beside a deployed stack: make bench-aws STACK=hearth. It costs cents, says so, and asks.
bench-aws: $(READY)
	@[ -n "$(STACK)" ] || { echo "which stack? make bench-aws STACK=hearth"; exit 1; }
	@PYTHONPATH=tests $(BIN)/python -m bench.aws --stack "$(STACK)" $(ARGS)

# make fuzz FUZZ='--bodies 100000 --seconds 1800 --openapi FILE_OR_URL'
fuzz: $(READY) .venv-fuzz/ready
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

# A real Prometheus scrapes what is served and evaluates infra/prometheus. HEARTH_URL=http://127.0.0.1:8500: a running stack.
prometheus: $(READY)
	@command -v promtool >/dev/null && command -v prometheus >/dev/null || \
	  { echo "promtool and prometheus are not installed; on Debian: apt-get install prometheus"; exit 1; }
	@$(BIN)/python -m pytest -m prometheus tests/prometheus

# Grafana's dashboard, from infra/dashboards/grafana.py.
dashboard: $(READY)
	@$(BIN)/python infra/dashboards/grafana.py

# The report page in a real browser; pictures of it are left in .hearth/browser.
browser: $(READY)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "no Chromium here; on Debian: apt-get install chromium"; exit 1; }
	@$(BIN)/python -m pytest -m browser tests/browser

lint: $(VENV)/linted
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy layers/*/python functions/* infra/local
	@$(BIN)/mypy infra/*.py infra/dashboards/*.py

$(VENV)/linted: $(READY) requirements/lint.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lint.txt
	@touch $@

# Exports pyproject's pins, with hashes, for every Python from 3.11 on; no download address is recorded.
# A layer's file holds only what its build installs (with --no-deps): a session never imports protobuf, flatbuffers or
# packaging, and numpy lives in the runtime layer alone.
PIN = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
OMIT_RUNTIME := --no-emit-package protobuf --no-emit-package flatbuffers --no-emit-package packaging
OMIT_OPTIMIZER := --no-emit-package numpy --no-emit-package typing-extensions
LOCAL := --extra common --extra runtime --extra optimizer --extra lambda --extra local --extra build
pins: $(VENV)/linted
	@$(PIN) pyproject.toml $(LOCAL) -o requirements/local.txt
	@$(PIN) pyproject.toml --extra test -c requirements/local.txt -o requirements/test.txt
	@$(PIN) pyproject.toml --extra bench -c requirements/local.txt -o requirements/bench.txt
	@$(PIN) pyproject.toml --extra lint -c requirements/local.txt -o requirements/lint.txt
	@$(PIN) pyproject.toml --extra common -c requirements/local.txt -o layers/common/requirements.txt
	@$(PIN) pyproject.toml --extra runtime $(OMIT_RUNTIME) -c requirements/local.txt -o layers/runtime/requirements.txt
	@$(PIN) pyproject.toml --extra optimizer $(OMIT_OPTIMIZER) -c requirements/local.txt -o layers/optimizer/requirements.txt

clean:
	@rm -rf $(VENV) .venv-* .hearth .aws-sam .pytest_cache .mypy_cache .ruff_cache

# ---- SAM: build, checks, end-to-end tests ------------------------------------------------------------------------
# Tools whose pins exclude each other live in virtual environments of their own.
SAM := .venv-sam/bin/sam
ARCHITECTURE ?= x86_64
export SAM_CLI_TELEMETRY := 0

.PHONY: hashes template-checks tool-pins clients

.venv-%/ready: requirements/%.txt
	@echo "setting up .venv-$* (once)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# Layers and functions into .aws-sam, for `sam deploy`; infra/bundle/Makefile says how each is made.
build: .venv-sam/ready
	@ARCHITECTURE=$(ARCHITECTURE) PYTHON=$(abspath .venv-sam/bin/python) $(SAM) build

e2e: $(READY) .venv-sam/ready
	@HEARTH_SAM=1 $(BIN)/python -m pytest -m sam tests/e2e

# Writes the content hash of each function's layers into template.yaml.
hashes: $(READY)
	@$(BIN)/python infra/hashes.py

template-checks: $(VENV)/linted .venv-sam/ready .venv-checkov/ready
	@$(BIN)/python infra/template_checks.py
	@$(BIN)/python -m pytest tests/template

# Clients that others wrote, over a socket, against the local stack. kserve wants an older protobuf than ours, so pytest runs
# among the clients, where nothing of Hearth is installed, and starts the stack under .venv.
CLIENTS := kserve==0.21.0 open-inference-openapi==2.0.0.1 tritonclient[http]==2.73.0 requests==2.34.2
CLIENTS += pytest==9.2.0 pytest-timeout==2.4.0
clients: $(READY) .venv-clients/ready
	@.venv-clients/bin/python -m pytest --confcutdir tests/clients tests/clients

# What a server runs a model with; numpy as the layers have it.
SERVING := onnxruntime==1.32.0 numpy==2.4.6
tool-pins: $(VENV)/linted
	@echo aws-sam-cli==1.170.0 | $(PIN) - -o requirements/sam.txt
	@echo checkov==3.3.30 | $(PIN) - -o requirements/checkov.txt
	@printf '%s\n' $(CLIENTS) | $(PIN) - -o requirements/clients.txt
	@echo schemathesis==4.32.5 | $(PIN) - -o requirements/fuzz.txt
	@printf '%s\n' fastapi==0.165.0 uvicorn==0.54.0 $(SERVING) | $(PIN) - -o requirements/bench-fastapi.txt
	@printf '%s\n' litserve==0.2.19 $(SERVING) | $(PIN) - -o requirements/bench-litserve.txt
	@printf '%s\n' kserve==0.21.0 $(SERVING) | $(PIN) - -o requirements/bench-kserve.txt
	@printf '%s\n' mlserver==1.7.1 $(SERVING) | $(PIN) - -o requirements/bench-mlserver.txt
	@printf '%s\n' bentoml==1.4.40 $(SERVING) | $(PIN) - -o requirements/bench-bentoml.txt
