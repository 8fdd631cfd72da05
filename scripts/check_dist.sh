#!/bin/sh
# Build sdist and wheel, check them, install each into an empty environment and try it:
#     check_dist.sh PYTHON [pip options]
set -eu

python=$1
shift
repository=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The wheel is built from the sdist, so the sdist is known to hold all it takes.
rm -rf dist
"$python" -m validate_pyproject pyproject.toml
"$python" -m build --outdir dist .
"$python" -m twine check --strict dist/*
"$python" -m check_wheel_contents dist/*.whl
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files | LC_ALL=C sort >"$work/tracked"
    tar -tzf dist/*.tar.gz | cut -d/ -f2- | LC_ALL=C sort >"$work/packed"
    missing=$(comm -23 "$work/tracked" "$work/packed")
    [ -z "$missing" ] || { echo "not in the sdist:" $missing >&2; exit 1; }
fi
du -k dist/* | sed 's/\([0-9]*\)\t\(.*\)/\2: \1 kB/'

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
