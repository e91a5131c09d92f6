"""`make release-check`: each of its checks over a tree that is fit to be released, and over one that is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from agents import __version__
from tests.conftest import ROOT
from tools.freeze import freeze
from tools.release_check import (
    TOOLS,
    changelog,
    frozen,
    install,
    locked,
    make_sbom,
    make_wheel,
    prepare,
    sbom,
    uncommitted,
    versions,
    works,
)

TODAY = date(2026, 11, 30)
LOCK = ROOT / "requirements.lock"
CHANGES = f"# Changelog\n\n## Unreleased\n\n## {__version__} - 2026-11-29\n\n- It mills.\n\n## 0.0.1 - 2026-01-01\n"

FILES = {
    "pyproject.toml": f'[project]\nname = "feedmill"\nversion = "{__version__}"\n',
    "agents/__init__.py": f'__version__ = "{__version__}"\n',
    "CHANGELOG.md": CHANGES,
    "Dockerfile": (
        f'FROM python\nARG VERSION={__version__}\nLABEL org.opencontainers.image.version="${{VERSION}}" x="y"\n'
        f'LABEL org.opencontainers.image.version="{__version__}"\n'
    ),
    "docker-compose.yml": (
        f"x-feedmill: &feedmill\n  image: registry.example/feedmill:${{TAG:-{__version__}}}\n"
        f"  build:\n    args:\n      VERSION: ${{TAG:-{__version__}}}\n"
    ),
    "deploy/k8s/base/worker.yaml": f"  image: feedmill:{__version__}\n  app.kubernetes.io/version: {__version__}\n",
    "deploy/k8s/overlays/prod/kustomization.yaml": f'images:\n- name: feedmill\n  newTag: "{__version__}"\n',
    "deploy/k8s/overlays/dev/kustomization.yaml": "images:\n- name: feedmill\n  newTag: dev\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert versions(tmp_path, f"v{__version__}") == changelog(tmp_path, TODAY) == []
    return tmp_path


@pytest.mark.parametrize(
    ("name", "was", "told"),
    [
        pytest.param("agents/__init__.py", f'"{__version__}"', "agents.__version__ is 9.9.9", id="the package"),
        pytest.param("Dockerfile", f'="{__version__}"', "Dockerfile names 9.9.9", id="the label"),
        pytest.param("Dockerfile", f"VERSION={__version__}", "Dockerfile names 9.9.9", id="what the label takes"),
        pytest.param("docker-compose.yml", f"feedmill:${{TAG:-{__version__}", "names 9.9.9", id="Compose"),
        pytest.param("docker-compose.yml", f"VERSION: ${{TAG:-{__version__}", "names 9.9.9", id="Compose's build"),
        pytest.param("deploy/k8s/base/worker.yaml", f"feedmill:{__version__}", "worker.yaml names 9.9.9", id="a pod"),
        pytest.param("deploy/k8s/base/worker.yaml", f"version: {__version__}", "worker.yaml names 9.9", id="a label"),
        pytest.param(
            "deploy/k8s/overlays/prod/kustomization.yaml",
            f'"{__version__}"',
            "kustomization.yaml names",
            id="prod",
        ),
    ],
)
def test_another_version_somewhere_is_told(tree: Path, name: str, was: str, told: str) -> None:
    path = tree / name
    path.write_text(path.read_text().replace(was, was.replace(__version__, "9.9.9")))
    (sentence,) = versions(tree)
    assert told in sentence


def test_another_tag_is_told(tree: Path) -> None:
    assert versions(tree, "v9.9.9") == [
        f"the tag is v9.9.9, pyproject.toml says {__version__}: it must be v{__version__}"
    ]
    assert versions(tree, __version__)


@pytest.mark.parametrize("name", ["Dockerfile", "docker-compose.yml"])
def test_a_place_that_names_no_version_is_told(tree: Path, name: str) -> None:
    (tree / name).write_text("nothing\n")
    assert versions(tree) == [f"{name} names no version"]


def test_places_that_are_not_there_are_not_asked(tree: Path) -> None:
    shutil.rmtree(tree / "deploy")
    assert versions(tree) == []


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        pytest.param(f"## {__version__} -", "## 9.9.9 -", "has no line", id="no entry"),
        pytest.param("- It mills.\n", "", "says nothing about", id="an empty entry"),
        pytest.param("2026-11-29", "2026-12-29", "is to come", id="a day to come"),
        pytest.param("2026-11-29", "soon", "is no date", id="no date"),
        pytest.param("Unreleased\n", "Unreleased\n\n- And more.\n", "still has lines", id="more that is unreleased"),
    ],
)
def test_a_changelog_that_is_not_ready_is_told(tree: Path, was: str, becomes: str, told: str) -> None:
    (tree / "CHANGELOG.md").write_text(CHANGES.replace(was, becomes))
    (sentence,) = changelog(tree, TODAY)
    assert told in sentence


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda at: (at / "item.schema.json").unlink(), "item.schema.json is not the", id="not frozen"),
        pytest.param(
            lambda at: (at / "item.schema.json").write_text((at / "item.schema.json").read_text() + " "),
            "item.schema.json is not the present schema",
            id="frozen before a change",
        ),
        pytest.param(lambda at: (at / "input" / f"{__version__}.jsonl").unlink(), "input/", id="no documents"),
        pytest.param(lambda at: (at / "records" / f"{__version__}.jsonl").unlink(), "records/", id="no records"),
        pytest.param(lambda at: shutil.copy(at / "item.schema.json", at / "x.schema.json"), "x: the", id="a break"),
    ],
)
def test_a_contract_that_is_not_frozen_is_told(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    freeze(tmp_path)
    assert frozen(tmp_path, __version__) == []
    spoil(tmp_path)
    (sentence,) = frozen(tmp_path, __version__)
    assert sentence.startswith(told)
    assert sentence.endswith("(make freeze)")


def test_what_is_not_committed_is_told(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert uncommitted(tmp_path) == []
    (tmp_path / "new").touch()
    assert uncommitted(tmp_path) == ["?? new"]


# -- what is built


@pytest.fixture(scope="module")
def release_tools() -> Path:
    """The environment of requirements-release.lock, made by `make` where it is not there or older than the lock."""
    subprocess.run(["make", "build/release/installed"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return TOOLS


@pytest.fixture(scope="module")
def bill(release_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sbom") / "bill.json"
    make_sbom(LOCK, path)
    return path


@pytest.mark.heavy
def test_the_bill_of_materials_is_the_lock(bill: Path, tmp_path: Path) -> None:
    assert sbom(bill, LOCK, __version__) == []
    assert len(locked(LOCK)) > 50
    made = json.loads(bill.read_text())
    assert made["bomFormat"] == "CycloneDX"
    make_sbom(LOCK, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == bill.read_bytes()


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda made: made["components"].pop(), "the SBOM lacks", id="one is missing"),
        pytest.param(
            lambda made: made["components"].append(made["components"][0] | {"name": "left-pad"}),
            "the SBOM has left-pad",
            id="one too many",
        ),
        pytest.param(
            lambda made: made["components"][0].pop("externalReferences"), "the SBOM has no hash of", id="no hash"
        ),
        pytest.param(lambda made: made["metadata"]["component"].update(version="9"), "is about", id="another version"),
    ],
)
def test_a_wrong_bill_is_told(
    bill: Path, tmp_path: Path, spoil: Callable[[dict[str, object]], object], told: str
) -> None:
    made = json.loads(bill.read_text())
    spoil(made)
    (tmp_path / "spoilt.json").write_text(json.dumps(made))
    (sentence,) = sbom(tmp_path / "spoilt.json", LOCK, __version__)
    assert told in sentence


@pytest.fixture(scope="module")
def away() -> Iterator[Path]:
    """A folder outside the source tree with an environment of its own, in which everything locked is installed."""
    with tempfile.TemporaryDirectory(prefix="feedmill-test-") as name:
        prepare(Path(name), LOCK)
        yield Path(name)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_wheel_works_away_from_the_source_tree(away: Path, tmp_path: Path) -> None:
    built = make_wheel(ROOT, tmp_path)
    assert built.name == f"feedmill-{__version__}-py3-none-any.whl"
    install(away, built)
    assert works(away, __version__) == []
    (sentence,) = works(away, "9.9.9")
    assert sentence.startswith("`feedmill --version` of the wheel says")

    spoilt = tmp_path / "spoilt" / built.name
    spoilt.parent.mkdir()
    without(built, spoilt, "agents/content/data/")
    install(away, spoilt)
    (sentence,) = works(away, __version__)
    assert sentence.startswith("the wheel does not work")


def without(wheel: Path, made: Path, folder: str) -> None:
    """The wheel without a folder: what a forgotten line of pyproject.toml makes of it."""
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(made, "w") as part:
        names = [name for name in whole.namelist() if not name.startswith(folder)]
        assert len(names) < len(whole.namelist())
        for name in names:
            text = whole.read(name)
            if name.endswith("RECORD"):
                text = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(folder.encode()))
            part.writestr(name, text)
