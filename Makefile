# Upframe: everything is made in .venv and build; `make` lists what there is.

PYTHON ?= python3
INPUT  ?=
OUTPUT ?=
ARGS   ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: docs help run serve test check bench blender clean

BIN     := .venv/bin
SAMPLES := $(wildcard examples/media/*.mp4 examples/media/*.png)
RESULTS := build/run
quoted   = '$(subst ','\'',$(1))'

help:
	@echo "make run [INPUT=file] [OUTPUT=file] [ARGS=...]   upscale the bundled samples, or a file or folder of yours"
	@echo "make serve [ARGS=--open]                         a page on this machine: drop files, see a preview, watch the queue"
	@echo "make test [ARGS=...]                             the whole test suite; ARGS goes to pytest"
	@echo "make check                                       style, types, and which package imports which"
	@echo "make docs                                        the site, into build/site"
	@echo "make bench                                       measure speed and quality on this machine"
	@echo "make blender                                     Blender's package in .venv-blender, for upframe render --maker blender"
	@echo "make clean                                       remove everything make has made"
	@echo "PYTHON=python3.12 on any of them names the Python (3.11 or newer) that .venv is made with."

ifeq ($(INPUT),)
run: $(BIN)/with-images
	@mkdir -p $(RESULTS)
	$(BIN)/upframe upscale $(SAMPLES) -o $(if $(OUTPUT),$(call quoted,$(OUTPUT)),$(RESULTS)/ --overwrite) $(ARGS)
	@echo "The results are in $(if $(OUTPUT),$(OUTPUT),$(RESULTS)):"
	@ls -1 $(if $(OUTPUT),$(call quoted,$(OUTPUT)),$(RESULTS))
else
run: $(BIN)/with-images
	$(BIN)/upframe upscale $(call quoted,$(INPUT)) $(if $(OUTPUT),-o $(call quoted,$(OUTPUT))) $(ARGS)
endif

# The extra of images comes too, so that the page opens what `make run` does.
serve: $(BIN)/with-images,serve
	$(BIN)/upframe serve $(ARGS)

# A file of tests at a time on each core, the long ones first, as tests/conftest.py sorts them: one thread each, as small operations
# of many threads wait for one another. What their many processes import is compiled once, also where the environment forbids it.
test: $(BIN)/with-dev
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -rs --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(BIN)/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(BIN)/with-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The site is in build/site: open build/site/index.html"

# Every script in benchmarks/ runs by itself; a name that begins with an underscore is shared by the others.
bench: $(BIN)/with-images
	@set -e; for script in benchmarks/[a-z]*.py benchmarks/*/[a-z]*.py; do echo "$$script"; $(BIN)/python "$$script" $(ARGS); done

# Blender's package in an environment of its own: it is for Python 3.11 alone, and wants an older NumPy.
BLENDER_PYTHON ?= python3.11
blender: .venv-blender/with-bpy
.venv-blender/with-bpy:
	@set -e; \
	python=$(call quoted,$(BLENDER_PYTHON)); \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "upframe: $$python is no Python 3.11, which bpy 4.5 needs. Name one: make blender BLENDER_PYTHON=/path/to/python3.11" >&2; \
	  echo "         Or install Blender 4.5 or newer, which needs nothing of this." >&2; exit 1; }; \
	echo 'Setting up .venv-blender (once; a download of about 400 MB)'; \
	"$$python" -m venv .venv-blender; \
	.venv-blender/bin/python -m pip install -qq --disable-pip-version-check 'bpy==4.5.*'; \
	touch $@

clean:
	rm -rf .venv .venv-blender build dist src/upframe.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define TOO_OLD
import sys
if sys.version_info < (3, 11):
    sys.exit("upframe: %s is Python %d.%d. Upframe needs 3.11 or newer: make PYTHON=python3.12 ..." % ((sys.executable,) + sys.version_info[:2]))
endef
export TOO_OLD

# .venv with Upframe, editable, and one extra. The empty file $@ stands for it: made last, so that an installation that was cut
# short is taken up again, and remade when what is to be installed changes. Two makes at once take turns (where flock exists).
$(BIN)/with-%: pyproject.toml constraints.txt
	@set -e; \
	python=$(call quoted,$(PYTHON)); \
	command -v "$$python" >/dev/null || { echo "upframe: $$python was not found. Name a Python: make PYTHON=/path/to/python3 ..." >&2; exit 1; }; \
	"$$python" -c "$$TOO_OLD"; \
	mkdir -p $(BIN); \
	exec 9>.venv/lock; \
	if command -v flock >/dev/null; then flock 9; fi; \
	if [ -e $@ ] && ! [ pyproject.toml -nt $@ ] && ! [ constraints.txt -nt $@ ]; then exit 0; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo 'Setting up .venv (once; some minutes where torch has to be downloaded)'; \
	  "$$python" -m venv .venv; \
	fi; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[$*]'; \
	touch $@
