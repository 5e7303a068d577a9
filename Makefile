# Each target sets up what it needs in .venv and build/, both inside this tree.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
BUILD := build/release
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := $(BIN)/python scripts/requirements.py
CXX_SOURCES = $(shell find cpp cuda tests/cpp tests/cuda -name '*.h' -o -name '*.inc' -o -name '*.cpp' -o -name '*.cu')
# Arguments for pytest, e.g. make test ARGS="-k softplus -x"
ARGS ?=
# How long make fuzz looks.
SECONDS ?= 600
FUZZ_QUICK_SECONDS := 20
export PYTHON

.PHONY: help demo docs wheel install test test-cpp test-aarch64 cuda-check sanitize sanitize-quick fuzz fuzz-quick faults \
  lint format bench bench-peers clean

help:
	@echo "make demo          build, then a network learns handwritten digits: the first thing to try"
	@echo "make test          build, install into .venv, run the C++ tests and the Python tests"
	@echo "make test-cpp      build, install into .venv, run the C++ tests"
	@echo "make test-aarch64  the C++ tests for ARM in emulation, where the cross tools are installed"
	@echo "make cuda-check    the CUDA sources compile for all GPUs of a release, and are exact"
	@echo "make sanitize      the tests under ASan + UBSan, those of threads under TSan (long)"
	@echo "make sanitize-quick  the same with fewer tests"
	@echo "make fuzz          SECONDS=600 of libFuzzer on the file reader, then long random tests"
	@echo "make fuzz-quick    20 seconds of libFuzzer"
	@echo "make faults        kills, full disks, signals, limits of memory, in their long form"
	@echo "make lint          clang-format, ruff and mypy"
	@echo "make format        rewrite the sources as the formatters want them"
	@echo "make wheel         the portable wheel, tried where no compiler is, and the sdist"
	@echo "make docs          the pages and the API reference as HTML, in build/docs"
	@echo "make bench         the speed beside the libraries that are in .venv; a table, and JSON"
	@echo "make bench-peers   install these libraries: PyTorch, JAX, ONNX Runtime"
	@echo "make clean         remove build/ and .venv"

.venv/.made:
	@sh scripts/check_tools.sh python
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.build-tools: .venv/.made pyproject.toml scripts/requirements.py
	@sh scripts/check_tools.sh build
	$(REQUIREMENTS) build > .venv/build.txt
	$(PIP) install -r .venv/build.txt
	@touch $@

.venv/.lint-tools: .venv/.made pyproject.toml scripts/requirements.py
	$(REQUIREMENTS) dev > .venv/dev.txt
	$(PIP) install -r .venv/dev.txt numpy
	@touch $@

# Without the tests: they take longer to build than all the rest. Settings by their long name: pip
# before 23.1 has no other.
demo: .venv/.build-tools
	@$(BIN)/python scripts/show_build.py $(PIP) install -v --no-build-isolation \
	  --config-settings build-dir=$(BUILD) \
	  --config-settings cmake.define.FEEDFWD_TESTS=OFF ".[plot,progress]"
	@cd / && $(BIN)/python $(CURDIR)/examples/demo.py

# The build directory is kept, so that only what changed is compiled again; -v shows its progress.
install: .venv/.build-tools
	$(PIP) install -v --no-build-isolation --config-settings build-dir=$(BUILD) \
	  --config-settings cmake.define.FEEDFWD_TESTS=ON ".[test]"

test-cpp: install
	$(BIN)/ctest --test-dir $(BUILD) --output-on-failure --no-tests=error --timeout 300

# From a directory outside the tree, so that nothing but the installed package can be imported.
test: test-cpp
	$(BIN)/python scripts/cuda_check.py
	scratch=$$(mktemp -d) && cd "$$scratch" && \
	  FEEDFWD_BUILD_DIR=$(CURDIR)/$(BUILD) $(BIN)/python -m pytest -p no:cacheprovider \
	    -c $(CURDIR)/pyproject.toml $(CURDIR)/tests $(ARGS) && \
	  FEEDFWD_BUILD_DIR=$(CURDIR)/$(BUILD) FEEDFWD_SHIM=1 $(BIN)/python -m pytest \
	    -p no:cacheprovider -c $(CURDIR)/pyproject.toml $(CURDIR)/tests/cuda -m gpu; \
	  status=$$?; cd / && rm -rf "$$scratch"; exit $$status

# The CUDA sources for all GPUs of a release; make test does it for one.
cuda-check:
	$(PYTHON) scripts/cuda_check.py --all

test-aarch64: .venv/.build-tools
	PATH=$(BIN):$$PATH sh tests/cpp/aarch64.sh

# tests/sanitize/run.py [--quick] [PART ...]
sanitize: install
	$(BIN)/python tests/sanitize/run.py $(ARGS)

sanitize-quick: install
	$(BIN)/python tests/sanitize/run.py --quick $(ARGS)

# The random tests are part of make test with few examples.
fuzz: install
	sh tests/fuzz/fuzz.sh $(SECONDS)
	HYPOTHESIS_STORAGE_DIRECTORY=build/hypothesis $(BIN)/python -m pytest -p no:cacheprovider \
	  -c pyproject.toml -o timeout=0 tests/fuzz --hypothesis-profile=long $(ARGS)

fuzz-quick:
	sh tests/fuzz/fuzz.sh $(FUZZ_QUICK_SECONDS)

faults: install
	$(BIN)/python tests/faults/run.py --long

lint: .venv/.lint-tools
	$(BIN)/clang-format --dry-run --Werror $(CXX_SOURCES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy python/feedfwd
	@sh scripts/other_compiler.sh

format: .venv/.lint-tools
	$(BIN)/clang-format -i $(CXX_SOURCES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv/.build-tools
	$(REQUIREMENTS) wheel > .venv/wheel.txt
	$(PIP) install -r .venv/wheel.txt
	PATH=$(BIN):$$PATH $(BIN)/python scripts/wheel.py $(ARGS)

# -W: a warning is an error.
docs: install
	$(REQUIREMENTS) docs > .venv/docs.txt
	$(PIP) install -r .venv/docs.txt
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/docs
	@echo "written: build/docs/index.html"

# ARGS: what bench/suite.py takes, e.g. ARGS="--only 784-128-10 --rounds 3"
bench: install
	$(BIN)/python bench/suite.py $(ARGS)

# ARGS: more of them, e.g. ARGS="keras scikit-learn"
bench-peers: .venv/.made
	$(PIP) install -r bench/requirements.txt $(ARGS)

clean:
	rm -rf build .venv
