#!/bin/sh
# Run all tests with the lowest versions that pyproject.toml allows, in an environment of
# their own:
#     test_lowest.sh PYTHON [pytest options]
# uv finds these versions; PYTHON has it, and its interpreter is used.
set -eu

python=$1
shift
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT

# Compiled once here, or else by every process that a test starts.
"$python" -m uv venv --quiet --python "$python" "$environment"
"$python" -m uv pip install --quiet --python "$environment" --compile-bytecode \
    --resolution lowest-direct --editable '.[test]'
"$python" -m uv pip freeze --python "$environment"

# Old libraries warn of each other. Left out is what napari cannot do before 0.8 (draw a
# layer that has changed its number of axes) and before 0.9 (preferences of a plugin).
export PYTHONWARNINGS=ignore::DeprecationWarning,ignore::FutureWarning
"$environment/bin/python" -m pytest -n 2 --dist worksteal \
    -W ignore::DeprecationWarning -W ignore::FutureWarning \
    --deselect tests/plugin/test_life_cycle.py::test_a_source_that_gets_other_data_gives_no_half_result \
    --deselect tests/plugin/test_manifest.py::test_preferences_are_what_the_panel_starts_from \
    --deselect tests/plugin/test_manifest.py::test_a_panel_shows_the_preferences_when_it_has_read_them \
    "$@"
