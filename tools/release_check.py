"""Is this tree fit to be released? `make release-check`; docs/decisions/0016 has the steps of a release.

Each check returns what is wrong, a sentence each. `--tag v1.2.3` is what the release workflow was started by.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tools.freeze
from schemas.generate import MODELS, RELEASED, path_of, render

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "build" / "release" / "bin"
"""Where `make` puts the tools of requirements-release.lock."""

DIST = ROOT / "dist"

PLACES = ("Dockerfile", "docker-compose.yml", "deploy/k8s")
"""What names the image or its version, where it is there. What is under an overlay `dev` is no release."""

_NAMED = (
    re.compile(r"\bfeedmill:(?:\$\{\w+:?-)?([\w.-]+)"),  # image: …/feedmill:1.2.3 and …:${TAG:-1.2.3}
    re.compile(r"\bnewTag:\s*[\"']?([\w.-]+)"),  # kustomize
    re.compile(r"\borg\.opencontainers\.image\.version=[\"']?([\w.-]+)"),
    re.compile(r"^ARG VERSION=[\"']?([\w.-]+)", re.MULTILINE),  # which the label takes
    re.compile(r"^\s+VERSION: [\"']?(?:\$\{\w+:?-)?([\w.-]+)", re.MULTILINE),  # Compose's for it
    re.compile(r"\bapp\.kubernetes\.io/version:\s*[\"']?([\w.-]+)"),
)
_ENTRY = r"^## {version} [-–—] (\S+)$"


def version_of(root: Path) -> str:
    project: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return project


# -- what stands in files


def versions(root: Path, tag: str | None = None) -> list[str]:
    """Every place that names the version names the same one."""
    version = version_of(root)
    found = []
    code = re.search(r'^__version__ = "(.+)"$', (root / "agents" / "__init__.py").read_text(), re.MULTILINE)
    if code is None or code[1] != version:
        found.append(f"agents.__version__ is {code and code[1]}, pyproject.toml says {version}")
    if tag is not None and tag != f"v{version}":
        found.append(f"the tag is {tag}, pyproject.toml says {version}: it must be v{version}")
    for place in PLACES:
        if not (root / place).exists():
            continue
        named = [(path, tag) for path in _files(root / place) for tag in tags(path.read_text())]
        if not named:
            found.append(f"{place} names no version")
        found += [
            f"{path.relative_to(root)} names {tag}, pyproject.toml {version}" for path, tag in named if tag != version
        ]
    return found


def tags(text: str) -> Iterator[str]:
    """Every version of the image that a file names."""
    for pattern in _NAMED:
        yield from pattern.findall(text)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*.y*ml") if "dev" not in path.relative_to(place).parts)


def changelog(root: Path, today: date) -> list[str]:
    """It has an entry for this version with its date, and nothing is left under “Unreleased”."""
    version = version_of(root)
    text = (root / "CHANGELOG.md").read_text()
    found = []
    entry = re.search(_ENTRY.format(version=re.escape(version)), text, re.MULTILINE)
    if entry is None:
        found.append(f"CHANGELOG.md has no line `## {version} - {today}`")
    else:
        try:
            if date.fromisoformat(entry[1]) > today:
                found.append(f"CHANGELOG.md dates {version} {entry[1]}, which is to come")
        except ValueError:
            found.append(f"CHANGELOG.md dates {version} {entry[1]}, which is no date like {today}")
        if not _body(text, entry[0]):
            found.append(f"CHANGELOG.md says nothing about {version}")
    if _body(text, "## Unreleased"):
        found.append("CHANGELOG.md still has lines under `## Unreleased`")
    return found


def _body(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank."""
    _, there, rest = text.partition(f"{heading}\n")
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip() if there else ""


def frozen(folder: Path, version: str) -> list[str]:
    """What this release promises is what is frozen, and breaks nothing that was."""
    found = tools.freeze.breaks(folder)
    found += [
        f"{path_of(name, folder).name} is not the present schema"
        for name in MODELS
        if not path_of(name, folder).exists() or path_of(name, folder).read_text("utf-8") != render(name)
    ]
    found += [
        f"{part}/{version}.jsonl is missing"
        for part in ("records", "input")
        if not (folder / part / f"{version}.jsonl").exists()
    ]
    return [f"{sentence} (make freeze)" for sentence in found]


# -- what is built


def locked(lock: Path) -> set[tuple[str, str]]:
    """Name and version of everything that a lock holds."""
    lines = re.findall(r"^[A-Za-z0-9].*?==.*$", lock.read_text(), re.MULTILINE)
    requirements = [Requirement(line.rstrip(" \\")) for line in lines]
    return {(canonicalize_name(one.name), str(one.specifier).removeprefix("==")) for one in requirements}


def make_sbom(lock: Path, path: Path, root: Path = ROOT) -> None:
    """A CycloneDX bill of materials of a lock, the same bytes each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _run(
        TOOLS / "cyclonedx-py", "requirements", lock, "--pyproject", root / "pyproject.toml",
        "--mc-type", "application", "--output-reproducible", "--validate", "--output-file", path,
    )  # fmt: skip


def sbom(path: Path, lock: Path, version: str) -> list[str]:
    """The bill of materials holds what is locked with its hashes, and nothing else."""
    bill = json.loads(path.read_text())
    listed = {(canonicalize_name(one["name"]), one["version"]) for one in bill["components"]}
    wanted = locked(lock)
    found = [f"the SBOM lacks {name} {at}" for name, at in sorted(wanted - listed)]
    found += [f"the SBOM has {name} {at}, which is not locked" for name, at in sorted(listed - wanted)]
    found += [f"the SBOM has no hash of {one['name']}" for one in bill["components"] if not _hashes(one)]
    described = bill["metadata"]["component"]
    if (described["name"], described["version"]) != ("feedmill", version):
        found.append(f"the SBOM is about {described['name']} {described['version']}")
    return found


def _hashes(component: dict[str, list[dict[str, list[object]]]]) -> bool:
    return any(reference.get("hashes") for reference in component.get("externalReferences", []))


def make_wheel(root: Path, folder: Path) -> Path:
    """Build the one wheel of a folder."""
    for old in folder.glob("*.whl"):
        old.unlink()
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, at=root)
    (path,) = folder.glob("*.whl")
    return path


def wheel(path: Path, lock: Path, version: str) -> list[str]:
    """Installed in a fresh environment, away from the source tree, it mills the samples to the same bytes."""
    with tempfile.TemporaryDirectory(prefix="feedmill-release-") as name:
        away = Path(name)
        prepare(away, lock)
        install(away, path)
        return works(away, version)


def prepare(away: Path, lock: Path) -> None:
    """Make an environment in a folder, with what is locked in it."""
    _run(sys.executable, "-m", "venv", away / "venv")
    _pip(away, "--require-hashes", "--requirement", lock)


def install(away: Path, path: Path) -> None:
    _pip(away, "--no-deps", "--force-reinstall", path)


def works(away: Path, version: str) -> list[str]:
    """What is wrong with the feedmill that is installed in a folder."""
    feedmill = away / "venv/bin/feedmill"
    samples = ("process", "samples", "--now", "2026-11-23T00:00:00Z")
    try:
        said = _run(feedmill, "--version", at=away).strip()
        made = _run(feedmill, *samples, at=away)
    except RuntimeError as error:
        return [f"the wheel does not work: {error}"]
    found = [] if said == f"feedmill {version}" else [f"`feedmill --version` of the wheel says {said!r}"]
    if made != _run(sys.executable, "-m", "agents.cli.main", *samples):
        found.append("the wheel makes something else of the samples than the source tree")
    if made.count("\n") < 100:
        found.append(f"the wheel makes only {made.count(chr(10))} records of the samples")
    return found


def _pip(away: Path, *arguments: str | Path) -> None:
    _run(away / "venv/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *arguments)


def uncommitted(root: Path) -> list[str]:
    """Files that are changed or unknown to git."""
    return _run("git", "status", "--porcelain", at=root).splitlines()


def _run(*command: str | Path, at: Path = ROOT) -> str:
    done = subprocess.run(list(map(str, command)), cwd=at, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, command[:3]))} … ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make release-check")
    parser.add_argument("--tag", help="the tag that is to be released, such as v0.1.0")
    chosen = parser.parse_args(arguments)
    version = version_of(ROOT)
    lock = ROOT / "requirements.lock"
    bill = DIST / f"feedmill-{version}.cdx.json"

    def built_sbom() -> list[str]:
        make_sbom(lock, bill)
        return sbom(bill, lock, version)

    checks: dict[str, Callable[[], list[str]]] = {
        f"versions agree on {version}": lambda: versions(ROOT, chosen.tag),
        "the changelog has its entry": lambda: changelog(ROOT, datetime.now(UTC).date()),
        "the contract is frozen": lambda: frozen(RELEASED, version),
        f"the SBOM is dist/{bill.name}": built_sbom,
        "the wheel works away from here": lambda: wheel(make_wheel(ROOT, DIST), lock, version),
    }
    failed = False
    for name, check in checks.items():
        try:
            wrong = check()
        except RuntimeError as error:
            wrong = [str(error)]
        print("FAIL" if wrong else "ok  ", name, flush=True)
        for sentence in wrong:
            print(f"     {sentence}")
        failed |= bool(wrong)
    if changed := uncommitted(ROOT):
        print(f"warn the working tree is not clean: {len(changed)} files, {changed[0].strip()} …")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
