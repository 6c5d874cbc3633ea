# SPDX-License-Identifier: GPL-3.0-or-later
# Names for the most common sessions of noxfile.py. They install what they need into .cache/.
# CORE=2.19 or CORE=2.16 tests with that ansible-core. ARGS="..." is passed on, e.g. make unit ARGS="-k phone".
# The unit tests that run whole modules, or thousands of inputs: `make unit` has them.
SLOW = fuzz plugins/inventory plugins/modules
RUN = @tests/tools/run --session $@$(if $(CORE),-$(CORE)) $(if $(ARGS),-- $(ARGS))

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint unit system trouble integration sanity sandbox bench docs release-check publish clean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):  *## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo:  ## Connect three numbers of a made-up account and send a text (no cloud involved)
	$(RUN)

test:  ## Everything a change has to pass: quick, system, integration and sanity, on two cores
	$(RUN)

quick:  ## Fast checks: ruff, mypy, yamllint and the unit tests that take no minutes
	@tests/tools/run --session quick unit -- $(or $(ARGS),$(SLOW:%=--ignore=tests/unit/%))

lint:  ## quick's linters, and ansible-lint, antsibull-docs and antsibull-changelog
	@tests/tools/run --session quick lint

unit:  ## tests/unit, in pytest
	$(RUN)

system:  ## tests/system: the real ansible-playbook against the sandbox
	$(RUN)

trouble:  ## the system tests that try faults, kills, runs at once and leaks by the hundred
	$(RUN)

integration:  ## ansible-test integration against the sandbox (ARGS: names of targets)
	$(RUN)

sanity:  ## ansible-test sanity, all tests (ARGS: --test NAME, files)
	$(RUN)

sandbox:  ## Run both simulated clouds on a loopback port in the foreground, to try things out
	$(RUN)

bench:  ## Measure the time and the requests of a rollout
	$(RUN)

docs:  ## Build the documentation site in site/
	$(RUN)

release-check:  ## Build the tarball, install it into an empty path and run the demo from there
	$(RUN)

publish:  ## Upload the tarball to Galaxy, if it passes the checks
	$(RUN)

clean:  ## Remove everything that the other commands have created
	rm -rf .cache dist site
