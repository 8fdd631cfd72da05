# Everything a contributor runs; `make help` lists it. Each step is done once and
# again only when what it depends on has changed.
#
#   make demo PYTHON=python3.12      another Python
#   make demo PIP_FLAGS=--no-index   more options for pip
#   make test PYTEST_FLAGS=-x        more options for pytest; -n0 for one process
#   make weights MODEL=vdsr5         another network than vdsr20

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
PYTEST_FLAGS ?=
MODEL ?= vdsr20
TRAIN_FLAGS ?=

python = $(VENV)/bin/python
pip_install = $(python) -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt $(PIP_FLAGS)
check_schema = $(VENV)/bin/check-jsonschema --quiet --builtin-schema
# The version stands in __init__.py.
requirements = pyproject.toml constraints.txt src/napari_vdsr/__init__.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-python test-lowest lint format types docs pictures weights dist-check constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/.installed ## enlarge a real image and print the gain in decibels
	$(python) scripts/demo.py

test: $(VENV)/.installed-test $(VENV)/.system ## run all tests, in two processes
	$(python) -m pytest -n 2 --dist worksteal $(PYTEST_FLAGS)

test-python: ## run all tests on another Python: make test-python PYTHON=python3.12
	$(MAKE) test VENV=.venv-$(notdir $(PYTHON))

test-lowest: $(VENV)/.installed-dev $(VENV)/.system ## test the lowest versions of all libraries
	scripts/test_lowest.sh $(python) $(PYTEST_FLAGS)

lint: $(VENV)/.installed-dev ## check style, formatting, workflows and citation
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(VENV)/bin/zizmor --offline --quiet .github
	$(check_schema) vendor.github-workflows .github/workflows/*.yml
	$(check_schema) vendor.dependabot .github/dependabot.yml
	$(check_schema) vendor.citation-file-format --force-filetype yaml CITATION.cff

format: $(VENV)/.installed-dev ## put the code in shape
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

types: $(VENV)/.installed-dev ## check types
	$(python) -m mypy

docs: $(VENV)/.installed-dev ## build the documentation into docs/_build/html
	rm -rf docs/generated # pages of objects that are gone
	$(python) -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "open docs/_build/html/index.html"

pictures: $(VENV)/.installed-test $(VENV)/.system ## make the pictures of the documentation
	$(python) scripts/pictures.py

weights: $(VENV)/.installed-test ## train vdsr20 from the image packs, on a GPU if there is one
	$(python) scripts/make_weights.py $(MODEL) $(TRAIN_FLAGS)

dist-check: $(VENV)/.installed-dev ## build, check and try wheel and sdist
	scripts/check_dist.sh $(python) $(PIP_FLAGS)

constraints: $(VENV)/.installed-dev ## pin the versions that .venv has now
	scripts/pin_versions.sh $(python)

clean: ## remove what was built; the environment stays
	rm -rf build dist demo docs/_build docs/generated

# The environment. Each level holds the one before, so that a later one spares it.

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is missing or older than Python 3.11;" \
			"name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) cannot make virtual environments;" \
			"on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/pyvenv.cfg $(requirements)
	@echo "Installing the package into $(VENV); this takes some minutes."
	@$(pip_install) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/pyvenv.cfg $(requirements)
	@echo "Installing the package and what its tests need into $(VENV); this takes some minutes."
	@$(pip_install) --editable '.[peers,test]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-dev: $(VENV)/pyvenv.cfg $(requirements)
	@echo "Installing the package and the tools of its development into $(VENV); this takes some minutes."
	@$(pip_install) --editable '.[dev]'
	@touch $(VENV)/.installed $(VENV)/.installed-test $@

$(VENV)/.system: scripts/system_packages.sh $(VENV)/pyvenv.cfg
	scripts/system_packages.sh
	@touch $@
