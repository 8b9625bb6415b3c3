# Set-up, checks and runs. `make` alone says what there is.
#
#   make run                             the standard model, on port 7860
#   make run MODEL=starter PORT=7861     only the small starter model, on this port
#   make run TORCH_INDEX=URL             take torch from this index too (its CPU build is gigabytes smaller on Linux)

SHELL = /bin/sh
PYTHON = python3
MODEL = standard
BENCH = loop
PORT =
TORCH_INDEX =
STUDIO = '.[server,transformers]'

VENV = .venv
PY = $(VENV)/bin/python
PIP = $(PY) -m pip install -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url '$(TORCH_INDEX)')

# With OpenMP, llama.cpp's waiting threads spin and starve each other on a busy machine: docs/decisions/0001.
LLAMA = CMAKE_ARGS="-DGGML_OPENMP=OFF $$CMAKE_ARGS"
HAS_OPENMP = import llama_cpp, sys; sys.exit(b"OPENMP = 1" not in llama_cpp.llama_print_system_info())

.PHONY: help run check test proof bench bench-training bench-gpu models wheel lint
.DELETE_ON_ERROR:

help:
	@echo 'make run     install, get the models, start the studio   [MODEL=starter] [PORT=N] [TORCH_INDEX=URL]'
	@echo 'make check   format, lint, types, layers and the fast tests (no model, no browser)'
	@echo 'make test    everything that CI runs: also the starter model and a real browser'
	@echo 'make proof   the long tests; what is done is not done again'
	@echo 'make bench   the measurements                             [BENCH=NAME]'
	@echo 'make bench-training  a training step beside TRL, which it installs'
	@echo 'make bench-gpu  the same in bf16 on a GPU; without one it says so and ends with 1'
	@echo 'make models  get the starter model'
	@echo 'make wheel   build the package into dist/'

run: $(VENV)/.installed-run
	@$(PY) -m writer_r1 models pull starter
	@test '$(MODEL)' = starter || $(PY) -m writer_r1 models pull '$(MODEL)' || \
		echo 'The model $(MODEL) could not be set up; the studio starts with what is there (later: make run again).' >&2
	@exec $(PY) app.py $(if $(PORT),--port '$(PORT)')

# On two cores two of these share a processor well: a page mostly waits. A model, or what measures time, runs alone.
WITHOUT = not model and not browser and not alone and not slow
FAST = $(PY) -m pytest -n 2 -m "$(WITHOUT) and not long"
PLAIN = $(PY) -m pytest -n 2 -m "$(WITHOUT)"
PAGES = $(PY) -m pytest -n 2 --dist worksteal -m "browser and not model and not alone and not slow"
ALONE = $(PY) -m pytest -m "(model or alone) and not slow"
# On a machine that others use, too, a test may miss a moment that it waits for. So what failed is tried once more, one at
# a time: what fails there fails, and both outputs stand in the log.
AGAIN = --last-failed --last-failed-no-failures none
PLAIN_AGAIN = $(PY) -m pytest $(AGAIN) -m "$(WITHOUT)"
PAGES_AGAIN = $(PY) -m pytest $(AGAIN) -m "browser and not model and not alone and not slow"

check: lint
	$(FAST)

test: lint models
	$(PLAIN) || { test $$? -eq 1 && $(PLAIN_AGAIN); }
	$(PAGES) || { test $$? -eq 1 && $(PAGES_AGAIN); }
	$(ALONE) || { test $$? -eq 1 && $(ALONE) $(AGAIN); }

proof: $(VENV)/.installed-test models
	$(PY) -m pytest -m slow --timeout 7200

bench: $(VENV)/.installed-test models
	$(PY) -m writer_r1 bench '$(BENCH)'

bench-training: $(VENV)/.installed-test models
	$(PY) -m pip install -q -c constraints.txt -e '.[trl]'
	$(PY) -m pytest -q tests/test_trl_parity.py
	$(PY) benchmarks/training_step.py

bench-gpu: $(VENV)/.installed-test models
	@$(PY) -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' || exec $(PY) benchmarks/training_step.py gpu
	$(PY) -m pip install -q -c constraints.txt -e '.[trl]'
	BENCH_STEPS=10 $(PY) benchmarks/training_step.py gpu

models: $(VENV)/.installed-test
	@$(PY) -m writer_r1 models pull starter

wheel: $(VENV)/.installed-test
	$(PY) -m pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist .

lint: $(VENV)/.installed-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/lint-imports --no-logo

# One step after another; each check says what to do before pip starts.
define install
@command -v '$(PYTHON)' >/dev/null || \
	{ echo 'There is no $(PYTHON) here; install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.' >&2; exit 1; }
@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Python 3.11 or newer is needed and $(PYTHON) is $$('$(PYTHON)' -V 2>&1); try: make PYTHON=python3.11." >&2; exit 1; }
@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo 'Python lacks its venv module; on Debian or Ubuntu: apt install python3-venv, then run make again.' >&2; exit 1; }
@for compiler in "$$CXX" c++ g++ clang++; do command -v "$$compiler" >/dev/null && exit 0; done; \
	echo 'llama.cpp has to be compiled and no C++ compiler was found; on Debian or Ubuntu: apt install g++' \
	'(macOS: xcode-select --install), then run make again.' >&2; exit 1
@test -x $(PY) || '$(PYTHON)' -m venv $(VENV)
@$(PY) -m pip install --quiet --upgrade -c constraints.txt pip
@echo 'Installing into $(VENV); the first time llama.cpp is compiled, which takes some minutes.'
$(LLAMA) $(PIP) -e $(1)
@! $(PY) -c '$(HAS_OPENMP)' || \
	{ echo 'pip had kept a build of llama.cpp with OpenMP; compiling it without.'; \
	$(LLAMA) $(PIP) --no-cache-dir --force-reinstall --no-deps \
	--no-binary llama-cpp-python llama-cpp-python; }
@touch $@
endef

$(VENV)/.installed-run: pyproject.toml constraints.txt
	$(call install,$(STUDIO))

$(VENV)/.installed-test: pyproject.toml constraints.txt
	$(call install,'.[test]')
	@touch $(VENV)/.installed-run
