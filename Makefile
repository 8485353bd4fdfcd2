# Python 3.11 or newer and make are all that must be installed by hand.
PYTHON ?= $(shell for each in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$each && exit; done; echo python3)
PORT ?= 8443
DEMO_PORT ?= 9428
# Where the real parts for the cluster tests are: a folder with `setup` and `cluster`. Anything that sets
# KUBEBUILDER_ASSETS (setup-envtest) and KUBECONFIG (kind, say) serves as well.
ENVTEST_DIR ?= ../shared/envtest

VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
SITE := $(VENV)/site
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url
FAST := $(addprefix tests/,pod annotations config plan test_golden.py test_messages.py test_review.py \
	server/test_admission.py)
# Each worker may start stores of its own, of which some are half a gigabyte.
WORKERS := -n auto --maxprocesses=8
ASSETS = $${KUBEBUILDER_ASSETS:-$$(test -x $(ENVTEST_DIR)/setup && $(ENVTEST_DIR)/setup)}

.DEFAULT_GOAL := help
.PHONY: bench-records bench-stream help told checks run demo test test-fast test-api test-cluster image check bench soak docs site format lock clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What the webhook needs, and what its development needs besides. Whoever names a PYTHON is told where another is used.
$(RUNS): pyproject.toml requirements.txt .ci/environment.py .ci/packages.py | told
	@$(PYTHON) .ci/environment.py $(VENV) run
	@touch $@

$(READY): pyproject.toml requirements-dev.txt .ci/environment.py .ci/packages.py | told
	@$(PYTHON) .ci/environment.py $(VENV) dev
	@touch $@ $(RUNS)

told:
	@$(if $(filter command environment,$(origin PYTHON)),test ! -f $(RUNS) || $(PYTHON) .ci/environment.py $(VENV) look)

run: $(RUNS) ## Serve the webhook with a development certificate, and inject an example Pod  [PORT=8443]
	@exec $(BIN)/python -m webhook demo --port $(PORT)

demo: $(RUNS) ## See the lines of a log file arrive in a log database, and look at its page  [DEMO_PORT=9428]
	@ENVTEST_DIR="$(ENVTEST_DIR)" $(BIN)/python examples/demo/demo.py --port $(DEMO_PORT)

test: $(READY) ## Run the tests that need neither root nor a cluster
	@$(BIN)/python .ci/foretell.py test $(BIN)/pytest -q $(WORKERS) -m "not api and not cluster and not soak"

test-fast: $(READY) ## Run the tests that tell most, in a fraction of the time: what becomes of a Pod, and one server
	@$(BIN)/python .ci/foretell.py test-fast $(BIN)/pytest -q $(WORKERS) $(FAST)

test-api: $(READY) ## Run the tests against a real kube-apiserver  [KUBEBUILDER_ASSETS]
	@KUBEBUILDER_ASSETS="$(ASSETS)" $(BIN)/pytest -q -m api tests/cluster

test-cluster: $(READY) ## Run the tests on a cluster with a node  [KUBECONFIG, or root and ENVTEST_DIR]
	@$(BIN)/python .ci/product.py .dev/product
	@if [ -n "$$KUBECONFIG" ] || [ ! -x $(ENVTEST_DIR)/cluster ]; then $(BIN)/pytest -q -m cluster tests/cluster; \
	else $(ENVTEST_DIR)/cluster --node --cert-manager run env "CLUSTER=$(ENVTEST_DIR)/cluster" $(BIN)/pytest -q -m cluster tests/cluster; fi

image: ## Build the image by the Dockerfile and run it, as root on Debian with buildah
	@.ci/image

check: $(READY) ## Lint, format, types, layers: what CI runs besides the tests
	@$(BIN)/python .ci/foretell.py check $(MAKE) --no-print-directory checks

checks:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) ## Measure speed and memory, as ratios to a baseline of the same run
	@$(BIN)/python tests/bench/mutate.py
	@$(BIN)/python tests/bench/playground.py

bench-stream: $(READY) ## Measure the streaming engines side by side  [FLUENT_BIT_BIN]
	@$(BIN)/python tests/bench/stream.py

bench-records: $(READY) ## Measure what a record costs each agent  [FLUENT_BIT_BIN, ENVTEST_DIR, BESIDE=another working tree]
	@KUBEBUILDER_ASSETS="$(ASSETS)" $(BIN)/python tests/bench/records.py $(if $(BESIDE),--beside $(BESIDE))

soak: $(READY) ## Run the long versions of the tests (half an hour or more, on a machine that has nothing else to do)
	@LOGHOOK_SOAK=1 $(BIN)/pytest -q $(WORKERS) -m "not api and not cluster" --ignore=tests/load --ignore=tests/attacks
	@LOGHOOK_SOAK=1 $(BIN)/pytest -q tests/load tests/attacks

docs: $(READY) ## Write the reference pages from the tables in the code
	@$(BIN)/python -m webhook.reference docs examples/destinations
	@$(BIN)/python docs/house.py docs/house.svg
	@PYTHONPATH=tests/sidecars $(BIN)/python tests/conformance/page.py docs/lines.md
	@$(BIN)/python charts/readme.py charts/loghook
	@$(BIN)/python -m webhook man >docs/loghook.1
	@$(BIN)/python charts/schema.py charts/loghook

# An environment of its own: whoever tests or runs the webhook needs none of it. The variable quiets an advertisement.
$(SITE)/.ready: pyproject.toml requirements-site.txt .ci/environment.py .ci/packages.py
	@$(PYTHON) .ci/environment.py $(SITE) site
	@touch $@

site: $(SITE)/.ready ## Make the documentation as a site, in .dev/site, with every link checked
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet --site-dir .dev/site
	@echo "The site is at .dev/site/index.html; to read it while you write: $(SITE)/bin/mkdocs serve"

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: $(READY) ## Lock the newest versions of all dependencies
	@$(BIN)/python -m pip install --quiet uv
	@$(LOCK) pyproject.toml --output-file requirements.txt
	@$(LOCK) pyproject.toml --extra dev --output-file requirements-dev.txt
	@$(LOCK) --group site --output-file requirements-site.txt
	@$(LOCK) --group s3 --output-file .ci/parts/s3.txt

clean: ## Remove the environment and everything that was made
	rm -rf $(VENV) .dev .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
