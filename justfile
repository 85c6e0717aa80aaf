# What is done often: `just` lists it.
_list:
    @just --list

# the tests for while you work
fast *arguments:
    python -m pytest -m "not slow" {{arguments}}

# every test, and the examples in docstrings
test *arguments:
    python -m pytest {{arguments}}

# thousands of new odd tables and arrays at every public entry
nightly *arguments:
    HYPOTHESIS_PROFILE=nightly python -m pytest tests/property/test_odd_tables.py {{arguments}}

# style, types, layers
check:
    ruff format --check .
    ruff check .
    mypy
    lint-imports

# format, and mend what can be mended
mend:
    ruff format .
    ruff check --fix .

# the lowest versions that pyproject.toml allows, in an environment of their own
lowest:
    .ci/lowest

# all that a change must pass, in an environment of its own
ci:
    .ci/run

# benchmarks by name: just bench generation
bench name *arguments:
    python -m tests.benchmarks.{{name}} {{arguments}}
