# gitvirt: set-up of the machine. Needs make, git and Python 3.11 or later, on Debian 12 or later.
#
#   make setup      install what is missing: Debian packages, uv, the locked environment in .venv
#   make demo       a datacenter of three libvirt hosts on this machine, run from a Git repository
#   make demo-down  take the demo down
#   make test       every check and every test; the live ones bring up a lab of their own (as root)
#   make lint       format, style, types, import contracts
#   make unit       the tests that need no lab: seconds to minutes, no root
#   make live       those that do, as root
#   make bench      speed, as ratios within one run
#   make soak       seeded chaos, simulated and in the lab, for longer than the tests have time
#   make lab-down   take the lab down

PYTHON ?= python3
UV ?= $(shell command -v uv || echo $(PYTHON) -m uv)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PACKAGES := $(shell sed -n 's/^\([a-z0-9][^ ]*\) .*/\1/p' drivers/lab/packages.txt)
APT_GET := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=900

RUN := $(UV) run --no-sync

.PHONY: setup packages uv demo demo-down test lint unit live bench soak lab-down

# With bytecode: where it cannot be kept (folders of root, PYTHONDONTWRITEBYTECODE), every start would compile half a second.
setup: packages uv
	$(UV) sync --locked --quiet --compile-bytecode
	$(UV) run --no-sync python -m compileall -q specs drivers reconciler

# The list is drivers/lab/packages.txt. apt-get runs only if something is missing.
packages:
	@if ! command -v dpkg-query >/dev/null; then \
	  echo "This is no Debian: install by hand what corresponds to: $(PACKAGES)"; exit 0; fi; \
	installed=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(PACKAGES) 2>/dev/null | \
	  sed -n 's/ installed$$//p'); \
	missing=; for package in $(PACKAGES); do \
	  echo "$$installed" | grep -qxF "$$package" || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "Installing:$$missing"; \
	  $(APT_GET) update && $(APT_GET) install -y --no-install-recommends $$missing; fi

# Debian's own Python refuses pip unless told otherwise; uv is one program and depends on nothing.
uv: packages
	@$(UV) --version 2>/dev/null || \
	  $(PYTHON) -m pip install --quiet --root-user-action=ignore uv 2>/dev/null || \
	  $(PYTHON) -m pip install --quiet --root-user-action=ignore --break-system-packages uv

demo: setup
	$(SUDO) env PATH="$$PATH" ./examples/demo.sh

demo-down:
	$(SUDO) env PATH="$$PATH" ./examples/demo-down.sh

test: setup lint unit live

lint:
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(RUN) lint-imports

unit:
	$(RUN) pytest -q -n auto -m "not live"

live:
	$(SUDO) env PATH="$$PATH" CI="$$CI" $(RUN) pytest -q -m live

bench: setup
	$(SUDO) env PATH="$$PATH" $(RUN) python -m tests.bench

soak: setup
	GITVIRT_SEEDS=500 $(RUN) pytest -q -n auto tests/flow/test_chaos.py tests/flow/test_move_chaos.py tests/flow/test_move_properties.py
	$(SUDO) env PATH="$$PATH" GITVIRT_SEEDS=20 $(RUN) pytest -q -m live tests/live/test_moves_chaos.py

lab-down:
	@if [ -x .venv/bin/gitvirt ]; then $(SUDO) env GITVIRT_LAB="$$GITVIRT_LAB" .venv/bin/gitvirt lab down; fi
