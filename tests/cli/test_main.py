"""The command line as a whole: every command is there, says what it does, and loads no more than it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from agents import __version__
from agents.cli.main import COMMANDS, build

ROOT = Path(__file__).parent.parent.parent
NAMES = [command.name for command in COMMANDS]
WITHOUT_BROKER = ("process", "explain", "schema")


def feedmill(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    return subprocess.run(
        [sys.executable, "-m", "agents.cli.main", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version() -> None:
    assert feedmill("--version").stdout == f"feedmill {__version__}\n"


def test_help_lists_every_command() -> None:
    done = feedmill("--help")
    assert done.returncode == 0
    for name in NAMES:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_each_command_is_where_the_list_says(name: str) -> None:
    found = get_command(build(name)).commands  # type: ignore[attr-defined]  # a group
    assert sorted(found) == sorted(NAMES)
    assert found[name].help
    assert found[name].callback is not found[next(other for other in NAMES if other != name)].callback


@pytest.mark.parametrize("name", WITHOUT_BROKER)
def test_without_a_broker_no_client_is_loaded(name: str) -> None:
    code = (
        "import sys; from agents.cli.main import main; sys.argv = ['feedmill', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'faust', 'aiokafka', 'mode'} & set(sys.modules)), file=sys.stderr)"
    )
    arguments = [] if name == "schema" else [str(ROOT / "agents" / "samples" / "documents")]
    done = subprocess.run(
        [sys.executable, "-c", code, name, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        pytest.param(["mill"], {}, "No such command", id="unknown command"),
        pytest.param(["process"], {}, "Missing argument", id="no path"),
        pytest.param(["process", "nowhere.md"], {}, "nowhere.md cannot be read: No such file", id="no such file"),
        pytest.param(["process", "-", "--now", "noon"], {}, "--now noon is no moment", id="no moment"),
        pytest.param(["process", "-", "--jobs", "0"], {}, "--jobs", id="no jobs"),
        pytest.param(["process", "samples", "--state", "README.md"], {}, "state folder", id="state is a file"),
        pytest.param(["explain"], {}, "There is nothing to explain", id="explain nothing"),
        pytest.param(["explain", "0" * 32, "samples"], {}, "name it alone", id="explain an id and documents"),
        pytest.param(["explain", "samples", "--story", "the ferry"], {}, "is no id", id="explain no story"),
        pytest.param(["schema", "items"], {}, "There is no schema called 'items'", id="no such schema"),
        pytest.param(
            ["process", "samples"], {"FEEDMILL_PARTITIONS": "x"}, "FEEDMILL_PARTITIONS cannot be used", id="settings"
        ),
    ],
)
def test_wrong_use_is_a_sentence_and_code_2(arguments: list[str], environment: dict[str, str], says: str) -> None:
    done = feedmill(*arguments, **environment)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["process", "samples"], ["explain", "samples"], ["schema", "item"], ["schema"], ["--help"]]
)
def test_a_full_disk_is_a_sentence_and_a_code_of_its_own(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli.main", *arguments],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 74
    assert done.stderr == "feedmill: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        pytest.param(["worker"], {"FEEDMILL_STATE_DIR": "/proc/x"}, "FEEDMILL_STATE_DIR cannot be used", id="state"),
        pytest.param(["worker"], {"FEEDMILL_METRICS_HOST": "bogus..x"}, "on bogus..x port", id="metrics host"),
        pytest.param(["broker"], {"FEEDMILL_CACHE": "/proc/x"}, "another by FEEDMILL_CACHE", id="cache, broker"),
        pytest.param(["demo"], {"FEEDMILL_CACHE": "/etc/passwd/x"}, "another by FEEDMILL_CACHE", id="cache, demo"),
        pytest.param(["broker", "--folder", "/proc/x"], {}, "/proc/x for Kafka's data cannot be used", id="folder"),
    ],
)
def test_what_a_process_cannot_have_for_itself_is_a_sentence_and_code_2(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], says: str
) -> None:
    own = {"FEEDMILL_STATE_DIR": str(tmp_path), "FEEDMILL_METRICS_PORT": "0", "FEEDMILL_BROKER": "127.0.0.1:1"}
    done = feedmill(*arguments, **{**own, **environment})
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["process", "samples", "--jobs", "0"], "it must be 1 or more", id="too few"),
        pytest.param(["process", "samples", "--jobs", "x"], "it is no whole number", id="no number"),
        pytest.param(["dead-letters", "list", "--stage", "x"], "'--stage': 'x' is not one of 'parse'", id="no stage"),
        pytest.param(["dead-letters", "list", "--code", "x"], "'--code': 'x' is not one of", id="no code"),
    ],
)
def test_bad_values_are_told_in_plain_words(arguments: list[str], says: str) -> None:
    done = feedmill(*arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
