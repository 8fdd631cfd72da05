#!/bin/sh
# Write constraints.txt from an environment: pin_versions.sh PYTHON
set -eu

# Local versions (2.13.0+cpu) name one build; the pin is meant for all of them.
pins=$("$1" -m pip freeze --exclude-editable --exclude napari-vdsr |
    sed 's/+[a-z0-9.]*$//' | LC_ALL=C sort --ignore-case)
cat >constraints.txt <<END
# The versions that the project is developed and tested with (Python 3.11).
# \`make constraints\` rewrites this file from .venv. The package itself allows the
# ranges in pyproject.toml.
$pins
END
