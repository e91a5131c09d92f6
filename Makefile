# feedmill: the commands of everyday. `make` alone lists them.
#   ARGS    goes to the command behind the target:  make demo ARGS="--keep"   make test ARGS="-k urls"
#   PYTHON  the Python that makes .venv, where the one found is not the one wanted

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
LOCKS  := requirements-dev.lock requirements-java.lock
RELEASE := build/release
ARGS   ?=
PYTHON ?=

# What only the heavy tests of deploy/k8s run, in a folder of its own: kubectl and the schemas of Kubernetes.
KUBERNETES := build/kubernetes

# Two workers, because that is what the smallest machine we care for has. All tests that share the one
# embedded Kafka stay together in one of them (tests/kafka/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help install demo try test lint test-all soak chaos bench nearcopies broker schemas metrics manifests dashboards observe pictures record-alerts freeze release-check lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv from the hashed locks (again only when a lock changes)

demo: install ## the mill on an embedded Kafka: sample documents in, items out, the ledger at the end
	$(BIN)/feedmill demo $(ARGS)

try: install ## the same documents without Kafka or Java, and why each came out as it did
	$(BIN)/feedmill explain $(or $(ARGS),samples)

test: install lint ## what CI runs first: lint, then unit, property, contract and real-Kafka tests
	$(PYTEST) $(ARGS)

lint: install ## ruff (rules and format) and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-all: install $(KUBERNETES)/installed ## what CI runs next: the heavy tests alone
	tools/debian.sh
	$(BIN)/python -m pytest -m "heavy and not soak" $(ARGS)

soak: install ## what takes an hour or two, before a release: the broker's faults, floods, Faust's known faults …
	tools/debian.sh
	$(BIN)/python -m pytest -m soak $(ARGS)

chaos: install ## one piece of the long chaos run; ARGS="--seeds 1..20", and ARGS=report sums up what was run
	$(BIN)/python -m tests.chaos $(ARGS)

bench: install ## the figures of docs/performance.md
	$(BIN)/python -m bench $(ARGS)

nearcopies: install ## near-copies beside datasketch and rensa, which come into a folder of their own
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes \
		--upgrade --target build/others --requirement requirements-bench.lock
	PYTHONPATH=build/others $(BIN)/python -m bench nearcopies $(ARGS)

broker: install ## the embedded Kafka alone, until Ctrl-C
	$(BIN)/feedmill broker $(ARGS)

schemas: install ## write schemas/generated/, the examples and asyncapi.yaml again from the records and topics
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m tools.examples
	$(BIN)/python -m tools.asyncapi

record-alerts: install ## faults of a real mill, scraped for the tests of the alerts; an hour and a half (ARGS="broker-killed")
	$(BIN)/python -m tests.deploy.recording $(ARGS)

freeze: schemas ## a step of a release: what it promises goes into schemas/released/v1, unless it breaks what stands there
	$(BIN)/python -m tools.freeze $(ARGS)

release-check: install $(RELEASE)/installed ## versions, changelog, frozen contract, SBOM, wheel: fit to be released? (ARGS="--tag v1.2.3")
	$(BIN)/python -m tools.release_check $(ARGS)

metrics: install ## write into docs/metrics.md which alerts and panels use each metric
	$(BIN)/python -m tools.metrics_page

manifests: install ## write what of deploy/k8s follows from the code: topics, the worker's permissions, alert rules
	$(BIN)/python -m tools.manifests

dashboards: install ## write deploy/grafana/dashboards from its generator
	$(BIN)/python -m deploy.grafana.dashboards

observe: install ## a mill with a load that goes on, and a Prometheus that scrapes it, until Ctrl-C (ARGS=--page: the dashboards too)
	$(BIN)/python -m tools.observe $(ARGS)

pictures: install ## docs/pictures: the dashboards of a run with faults in it, with Grafana's components (node, chromium; ten minutes)
	tools/debian.sh prometheus chromium pngquant
	$(BIN)/python -m tools.pictures $(ARGS)

lock: install ## make the hashed locks again (ARGS=--upgrade: take newer releases)
	tools/lock.sh $(ARGS)

clean: ## remove .venv, caches and build output; Kafka's jars in ~/.cache/feedmill stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find agents schemas tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(RELEASE)/installed: requirements-release.lock
	$(BIN)/python -m venv --clear $(RELEASE)
	$(RELEASE)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@touch $@

$(STAMP): $(LOCKS) pyproject.toml tools/install.sh
	tools/install.sh "$(VENV)" "$(PYTHON)"
	@touch $@

$(KUBERNETES)/installed: requirements-kubernetes.lock
	rm -rf $(KUBERNETES)
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --only-binary :all: \
		--target $(KUBERNETES) --requirement requirements-kubernetes.lock
	@touch $@
