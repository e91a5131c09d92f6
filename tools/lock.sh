#!/bin/sh
# Remake the hashed locks. Pins that still fit stay; `tools/lock.sh --upgrade` takes the newest that pyproject.toml allows.
#
# No uv.lock: it writes the address of the package index into every entry, and an index is the business of
# the machine that installs. These files name releases and hashes only, for every platform and Python that
# the project allows.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv

compile() {
    "$uv" pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --output-file requirements.lock "$@"
compile pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
# What the mill is compared with stands alone too, on top of the other locks: numpy is theirs.
compile --group pyproject.toml:bench --constraint requirements-dev.lock --no-emit-package numpy --output-file requirements-bench.lock "$@"
# The tools of a release live in an environment of their own.
compile --group pyproject.toml:release --output-file requirements-release.lock "$@"
# What the tests of deploy/k8s render and check it with stands alone: with all that it needs, in a folder of its own.
compile --group pyproject.toml:kubernetes --constraint requirements-dev.lock --output-file requirements-kubernetes.lock "$@"
# Programs for the tests of containers stand alone: they need nothing of the others.
compile --group pyproject.toml:containers --output-file requirements-containers.lock "$@"
# The image's build stage takes the build backend and no other tool.
.venv/bin/python -c 'import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["build-system"]["requires"], sep="\n")' |
    compile - --constraint requirements-dev.lock --output-file requirements-build.lock "$@"
# The Java runtime stands alone: it is for machines that have none, on top of either lock.
.venv/bin/python -c 'import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["project"]["optional-dependencies"]["java"], sep="\n")' |
    compile - --output-file requirements-java.lock "$@"

if grep -nE '://|--(extra-)?index|--find-links|--trusted-host' requirements*.lock; then
    echo "lock: an address has got into a lock (lines above); it must not be committed" >&2
    exit 1
fi
