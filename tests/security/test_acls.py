"""Permissions: each role works with exactly what the list gives it, and says what is missing where one is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import structs

from agents.cli.exits import ExitCode
from agents.engine.acls import Grant, Operation, Role, grants
from agents.engine.topics import Naming
from agents.stage import Topic
from tests.kafka.test_worker import until
from tests.kafka.watchers import watching
from tests.security.mill import PATIENCE, READY, SecuredMill

NAMING = Naming("acls")
LISTS_THEM = "`feedmill topics acls` lists what each role needs."

Removed = tuple[str, Operation]
"""A resource's name and what may not be done with it any more."""


def each(role: Role) -> list[Removed]:
    return [(grant.name, operation) for grant in grants(role, NAMING) for operation in grant.operations]


def without(role: Role, removed: Removed) -> Sequence[Grant]:
    return [
        structs.replace(grant, operations=tuple(one for one in grant.operations if (grant.name, one) != removed))
        for grant in grants(role, NAMING)
    ]


@pytest.fixture
def restored(mill: SecuredMill) -> Iterator[SecuredMill]:
    """The mill, with every role's permissions whole again after the test."""
    yield mill
    asyncio.run(mill.prepare())


ASKS: dict[Role, list[tuple[str, ...]]] = {
    Role.INGEST: [("ingest", "samples")],
    Role.READER: [("tail", "-n", "1"), ("explain", "https://harbourpost.example/no-such")],
    Role.OPERATOR: [
        ("topics", "apply"),
        ("topics", "check"),
        ("check",),
        ("ledger",),
        ("dead-letters", "list"),
        ("dead-letters", "replay", "--code", "empty-entry", "--force"),
    ],
}


@pytest.mark.heavy
def test_with_just_what_each_role_needs_everything_works(mill: SecuredMill, tmp_path: Path) -> None:
    """A worker from cold: all stages, fence, restore, offsets, lag. Then one that restores, and every command."""
    kafka = mill.kafka
    assert mill.run(kafka.login("ingest"), "ingest", "samples").returncode == 0
    first = mill.work(kafka.login("worker"), tmp_path / "first")
    again = mill.work(kafka.login("worker"), tmp_path / "second")
    for log in (first, again):
        assert "ACL" not in log
        assert "uthoriz" not in log
        assert "could not be" not in log
        assert "was not committed" not in log
    for role, commands in ASKS.items():
        for command in commands:
            done = mill.run({**kafka.login(role.value), "FEEDMILL_STATE_DIR": str(tmp_path)}, *command)
            told = done.stdout + done.stderr
            assert "ACL" not in told, told
            assert done.returncode == 0 or "There is no item" in told, told
    mill.work(kafka.login("worker"), tmp_path / "third")  # what was replayed


@pytest.mark.soak
@pytest.mark.parametrize("removed", each(Role.WORKER), ids=str)
def test_a_worker_without_one_of_its_permissions_says_so_and_ends(
    restored: SecuredMill, tmp_path: Path, removed: Removed
) -> None:
    mill = restored
    asyncio.run(mill.allow(Role.WORKER, without(Role.WORKER, removed)))
    with mill.worker(mill.kafka.login("worker"), tmp_path) as (process, log):
        process.wait(PATIENCE)
        told = log.read_text()
    assert process.returncode in (ExitCode.FOUND, 70), told
    assert removed[0] in told, told
    assert LISTS_THEM in told, told
    assert "Traceback" not in told, told


@pytest.mark.soak
@pytest.mark.parametrize("removed", each(Role.WORKER), ids=str)
def test_a_worker_that_loses_one_while_it_works_says_so_and_ends(
    restored: SecuredMill, tmp_path: Path, removed: Removed
) -> None:
    mill = restored
    with mill.worker(mill.kafka.login("worker"), tmp_path) as (process, log):
        assert until(lambda: READY in log.read_text(), PATIENCE), log.read_text()
        asyncio.run(mill.allow(Role.WORKER, without(Role.WORKER, removed)))
        news = tmp_path / "news.json"  # the samples have come out before: duplicates and dead letters, no item
        news.write_text(f'{{"url": "https://harbourpost.example/{uuid4()}", "title": "News", "content_text": "New."}}')
        assert mill.run(mill.kafka.login("ingest"), "ingest", "samples", str(news)).returncode == 0
        process.wait(PATIENCE)
        told = log.read_text()
    assert process.returncode in (ExitCode.FOUND, 70), told
    assert removed[0] in told, told
    assert LISTS_THEM in told, told
    assert "Traceback" not in told, told


@pytest.mark.soak
@pytest.mark.parametrize(
    ("role", "removed"),
    [pytest.param(role, one, id=f"{role} {one}") for role in ASKS for one in each(role)],
)
def test_a_role_without_one_of_its_permissions_is_told_so(
    restored: SecuredMill, tmp_path: Path, role: Role, removed: Removed
) -> None:
    """Each permission is needed: without it one of the role's commands fails, with a sentence."""
    mill = restored
    asyncio.run(mill.allow(role, without(role, removed)))
    told = ""
    if removed[1] is Operation.CREATE:  # needed only where something is missing
        asyncio.run(mill.lose(Topic.DUPLICATES))
    for command in ASKS[role]:
        done = mill.run({**mill.kafka.login(role.value), "FEEDMILL_STATE_DIR": str(tmp_path)}, *command)
        assert "Traceback" not in done.stderr, done.stderr
        if LISTS_THEM in (told := done.stdout + done.stderr):
            assert done.returncode == ExitCode.FOUND, told
            return
    pytest.fail(f"every command of the {role.value} works without {removed}: is it needed? The last said: {told}")


WATCHERS = {"lag-exporter": ("lag-exporter", "--every", "1"), "ledger": ("ledger", "--follow", "--every", "1")}


@pytest.mark.heavy
@pytest.mark.parametrize("name", WATCHERS)
def test_what_watches_needs_just_what_a_watcher_may(mill: SecuredMill, tmp_path: Path, name: str) -> None:
    environment = mill.environment(mill.kafka.login("watcher"))
    with watching(environment, tmp_path, *WATCHERS[name]) as watcher:
        assert until(lambda: watcher.probe("readyz")[0] == 200, PATIENCE)
        assert "ACL" not in watcher.said, watcher.said
        assert "uthoriz" not in watcher.said, watcher.said


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "removed"),
    [
        pytest.param(name, one, id=f"{name} {one[1]}")
        for name in WATCHERS
        for one in each(Role.WATCHER)
        if (name, one[1]) != ("lag-exporter", Operation.DESCRIBE_CONFIGS)  # for the ledger alone
    ],
)
def test_what_watches_says_what_it_may_not(restored: SecuredMill, tmp_path: Path, name: str, removed: Removed) -> None:
    """At the start it ends with that; later it lives on, says so once, and recovers when it may again."""
    mill = restored
    environment = mill.environment(mill.kafka.login("watcher"))
    with watching(environment, tmp_path, *WATCHERS[name]) as watcher:
        asyncio.run(mill.allow(Role.WATCHER, without(Role.WATCHER, removed)))
        ended = mill.run(mill.kafka.login("watcher"), *WATCHERS[name], "--port", "0")
        assert ended.returncode == ExitCode.FOUND, ended.stderr
        assert LISTS_THEM in ended.stderr
        assert "Traceback" not in ended.stderr
        if removed[1] is not Operation.DESCRIBE_CONFIGS:  # asked for once, at the first round
            assert until(lambda: LISTS_THEM in watcher.said, PATIENCE), watcher.said
            assert watcher.process.poll() is None
            asyncio.run(mill.allow(Role.WATCHER))
            assert until(lambda: "came through" in watcher.said, PATIENCE), watcher.said
