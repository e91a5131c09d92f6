"""The list of permissions: whole, of this mill alone, and as the page shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.engine.acls import Pattern, Resource, Role, commands, grants
from agents.engine.topics import Naming, topic_table
from schemas import StageName

PAGE = Path(__file__).parent.parent.parent / "docs" / "guide" / "security.md"


@pytest.mark.parametrize("role", Role)
def test_the_page_shows_the_list(role: Role) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {role.value} | ")]
    wanted = [
        f"| {role.value} | {grant.resource.value} | `{grant.name}{'*' * (grant.pattern is Pattern.PREFIXED)}` | "
        f"{', '.join(grant.operations)} | {grant.why} |"
        for grant in grants(role, Naming())
    ]
    assert rows == wanted


def test_a_worker_may_use_every_topic_and_every_transaction() -> None:
    naming = Naming("mill", 3)
    held = grants(Role.WORKER, naming)

    def covered(resource: Resource, name: str) -> bool:
        return any(
            grant.resource is resource
            and (name.startswith(grant.name) if grant.pattern is Pattern.PREFIXED else name == grant.name)
            for grant in held
        )

    assert all(covered(Resource.TOPIC, spec.name) for spec in topic_table(naming, partitions=4, replication=1))
    assert all(covered(Resource.TRANSACTIONAL_ID, naming.transactional_id(stage, 17)) for stage in StageName)
    assert covered(Resource.GROUP, naming.group)


@pytest.mark.parametrize("role", Role)
def test_the_list_is_of_this_mill_alone(role: Role) -> None:
    """Another mill's prefix that begins alike is another's, and so is another generation's number."""
    for grant in grants(role, Naming("feeds", 7)):
        assert grant.name.startswith("feeds.")
        assert not "feeds-of-others.raw".startswith(grant.name)
        if grant.resource is not Resource.TOPIC:
            assert not "feeds.g70.parse.0".startswith(grant.name)


def test_as_commands() -> None:
    lines = commands("mill", grants(Role.WORKER, Naming()))
    assert lines[1] == (
        "kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal 'User:mill' --operation Read "
        "--operation Write --topic 'feeds.internal.' --resource-pattern-type prefixed"
    )
