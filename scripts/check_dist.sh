#!/bin/sh
# Build sdist and wheel, install each into an empty environment and try it there:
#     check_dist.sh PYTHON [pip options]
set -eu

python=$1
shift
repository=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The wheel is built from the sdist, so the sdist is known to hold all it takes.
rm -rf dist
"$python" -m build --outdir dist .

for archive in dist/*.tar.gz dist/*.whl; do
    echo "== $archive in an empty environment"
    environment=$work/$(basename "$archive")
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-compile --constraint constraints.txt "$@" "$archive"
    "$environment/bin/python" -m pip check
    # From elsewhere, so that it is not the source tree that is tried.
    cd "$work"
    "$environment/bin/python" "$repository/scripts/try_installed.py"
    cd "$repository"
    rm -rf "$environment"
done
