# Every target sets up what it needs; none expects an activated environment.
#
#   make demo PYTHON=python3.12     another interpreter
#   make test VENV=.venv-312        another virtual environment

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

MODEL := models/lenet5/lenet5.onnx
OUT := out/demo
TYPES := build/types
SANITIZE := build/sanitize
FUZZ := build/fuzz
RTL := build/rtl
SECONDS_OF_FUZZING := 600
INPUTS := 100000
SECONDS_OF_SOAK := 7200

# A change of any of these asks for a new installation: an editable one follows changes of the
# Python sources by itself, but compiles nothing.
NATIVE := $(shell find custom_ops -type f \( -name '*.cc' -o -name '*.h' -o -name '*.map' \
	-o -name CMakeLists.txt \) -not -path '*/tests/*' -not -path '*/fuzz/*')
CPP := $(shell find custom_ops -type f \( -name '*.cc' -o -name '*.h' \))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo docs test soak abi environments frameworks rtl characterize-builtin train-predictors sanitized sanitize fuzz fuzz-inputs fuzz-short node-example axe setup lint lint-python lint-types lint-cpp bench format clean

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed  ## optimise the shipped LeNet-5 and write out/demo
	$(BIN)/hawx-onnx optimize $(MODEL) -o $(OUT)

test: $(VENV)/.developing  ## run all tests
	$(BIN)/pytest

# Two environments below build/abi; what cannot be had is skipped with the reason.
abi: $(VENV)/.developing  ## check library and bodies with the oldest and the newest onnxruntime
	$(BIN)/python tests/abi/run.py build/abi

# Below build/environments, likewise; ENVIRONMENT=oldest makes one alone, TESTS=short runs a few hundred.
environments: $(VENV)/.developing  ## run tests with the oldest and the newest dependencies
	$(BIN)/python tests/environments/run.py build/environments $(ENVIRONMENT) $(TESTS)

# Environments of their own below build/frameworks, likewise; FRAMEWORKS=torch runs these alone.
frameworks: $(VENV)/.developing  ## run training recipes and examples with torch, TensorFlow, JAX
	$(BIN)/python tests/frameworks/run.py build/frameworks $(FRAMEWORKS)

characterize-builtin: $(VENV)/.developing  ## synthesise the built-in multipliers, adders and registers anew
	$(BIN)/python -m hawx_onnx.components.synthesis.shipping

train-predictors: $(VENV)/.developing  ## synthesise training circuits and train the cost predictor anew
	$(BIN)/python -m hawx_onnx.predictors.training --synthesise

rtl: $(VENV)/.developing  ## simulate the Verilog of all built-in multipliers with Icarus Verilog
	@command -v iverilog >/dev/null || { echo "error: there is no iverilog"; \
		echo "  apt-get install iverilog"; exit 1; } >&2
	$(BIN)/hawx-onnx library export 'mul8*' --rtl $(RTL) --quiet >/dev/null
	@cd $(RTL) && printf '%s\n' *_tb.v | xargs -P $$(nproc 2>/dev/null || echo 2) -n 1 sh -c \
		'top=$${0%_tb.v}; iverilog -g2012 -Wall -o $$top.vvp $$top.v $$0 && vvp -n $$top.vvp'

# Strict, as mkdocs.yml says: a link that leads nowhere fails.
docs: $(VENV)/.developing  ## build the documentation site, build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/site/index.html"

# A build folder of their own: sanitized objects are of no use to anything else.
sanitized: $(VENV)/.developing
	@$(BIN)/cmake -S custom_ops -B $(SANITIZE) -DHAWX_BUILD_TESTS=ON -DHAWX_BUILD_FUZZERS=ON \
		-DHAWX_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
	@MAKEFLAGS= $(BIN)/cmake --build $(SANITIZE) --parallel 2

sanitize: sanitized  ## run the C++ tests under the address and undefined-behaviour sanitizers
	$(BIN)/ctest --test-dir $(SANITIZE) --output-on-failure

fuzz-short: sanitized  ## run the operators on random inputs for 10 seconds, under sanitizers
	cd $(SANITIZE) && fuzz/hawx_fuzz_short 10

fuzz-inputs: $(VENV)/.developing  ## hand INPUTS damaged files of every kind to whoever reads them
	PYTHONPATH=tests/fuzz $(BIN)/python -m fuzzing --inputs $(INPUTS)

fuzz: fuzz-inputs  ## both for long: the operators for 10 minutes with libFuzzer, which needs clang
	@CXX=clang++ $(BIN)/cmake -S custom_ops -B $(FUZZ) -DHAWX_BUILD_FUZZERS=ON \
		-DHAWX_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
	@MAKEFLAGS= $(BIN)/cmake --build $(FUZZ) --parallel 2 --target hawx_fuzz_ops
	@mkdir -p $(FUZZ)/corpus
	cd $(FUZZ) && fuzz/hawx_fuzz_ops -max_total_time=$(SECONDS_OF_FUZZING) -max_len=400 corpus

soak: $(VENV)/.developing  ## make and run sessions for SECONDS_OF_SOAK in one process; memory must not grow
	@mkdir -p build/soak
	$(BIN)/python tests/load/soak.py --seconds $(SECONDS_OF_SOAK) --samples build/soak/samples.csv

# Moved into place when it is whole: an interrupted one must not look like packages that are broken.
node-example:  ## install what the test of the Node.js example needs, about 300 MB
	@rm -rf build/node.new && mkdir -p build/node.new && cp examples/node/package.json build/node.new
	cd build/node.new && ONNXRUNTIME_NODE_INSTALL_CUDA=skip \
		npm install --no-audit --no-fund --loglevel=error
	@rm -rf build/node && mv build/node.new build/node

axe:  ## install axe-core for the test of the pages' accessibility, about 3 MB
	@rm -rf build/axe.new && mkdir -p build/axe.new && cp tests/report/package.json build/axe.new
	cd build/axe.new && npm install --no-audit --no-fund --loglevel=error
	@rm -rf build/axe && mv build/axe.new build/axe

setup: $(VENV)/.developing  ## install the package and the tools for development

lint: lint-python lint-types lint-cpp  ## check style, types and format

lint-python: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot follow the editable installation: it gets the packages as a wheel would lay them out.
lint-types: $(VENV)/.developing
	@rm -rf $(TYPES) && mkdir -p $(TYPES)/hawx_onnx
	@ln -s $(CURDIR)/hawx_onnx/* $(CURDIR)/passes $(CURDIR)/models $(TYPES)/hawx_onnx/
	cd $(TYPES) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml \
		--cache-dir $(CURDIR)/.mypy_cache -p hawx_onnx

lint-cpp: $(VENV)/.developing
	$(BIN)/clang-format --dry-run -Werror $(CPP)

bench: $(VENV)/.developing  ## run the short form of every benchmark
	@for script in $(sort $(wildcard benchmarks/*.py)); do \
		short=$$(grep -q -e '"--quick"' $$script && echo " --quick"); \
		echo "== $$script$$short"; $(BIN)/python $$script $$short || exit 1; \
	done

format: $(VENV)/.developing  ## format all sources
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

clean:  ## remove everything that was built, downloaded or written
	rm -rf $(VENV) build dist out .mypy_cache .pytest_cache .ruff_cache .hypothesis catboost_info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The Python packages of a virtual environment; stamps stand in it, so that they go with it.
$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { \
		echo "error: there is no $(PYTHON)"; \
		echo "  apt-get install python3 python3-venv, or name another: make PYTHON=..."; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1), 3.10 or newer is needed"; \
		echo "  name another: make PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) cannot make virtual environments (no ensurepip)"; \
		echo "  apt-get install python3-venv"; exit 1; } >&2
	$(PYTHON) -m venv $(VENV)
	@touch $@

.PHONY: compiler
compiler:
	@command -v "$${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || \
		command -v clang++ >/dev/null || { echo "error: there is no C++ compiler"; \
		echo "  apt-get install g++, or name one: CXX=..."; exit 1; } >&2

$(VENV)/.installed: pyproject.toml $(NATIVE) $(VENV)/.created | compiler
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.developing: pyproject.toml $(NATIVE) $(VENV)/.created | compiler
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(VENV)/.installed $@
