"""Logins and TLS against the real broker: who comes in, and what is said to the others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.cli.exits import ExitCode
from tests.security.certificates import Authority
from tests.security.kafka import SecuredKafka
from tests.security.mill import SecuredMill

WRONG_PASSWORD = "not-the-password-7c1f"


@pytest.mark.heavy
def test_with_the_right_password_over_tls(mill: SecuredMill) -> None:
    done = mill.run(mill.kafka.login("operator"), "topics", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "All 11 topics are as they should be." in done.stdout


def stranger(kafka: SecuredKafka) -> dict[str, str]:
    return kafka.login("operator", FEEDMILL_SSL_CAFILE=str(kafka.stranger.certificate))


REFUSED: dict[str, tuple[Callable[[SecuredKafka], dict[str, str]], str]] = {
    "wrong password": (
        lambda kafka: kafka.login("operator", FEEDMILL_SASL_PASSWORD=WRONG_PASSWORD),
        "does not let the user 'operator' in by SCRAM-SHA-512: the login failed. Check FEEDMILL_SASL_USERNAME",
    ),
    "unknown user": (
        lambda kafka: kafka.login("operator", FEEDMILL_SASL_USERNAME="stranger"),
        "does not let the user 'stranger' in",
    ),
    "mechanism that is off": (
        lambda kafka: kafka.login("operator", FEEDMILL_SASL_MECHANISM="PLAIN"),
        "takes no login by PLAIN. Check FEEDMILL_SASL_MECHANISM.",
    ),
    "unknown authority": (stranger, "a certificate that is not trusted: unable to get local issuer certificate."),
    "the system's authorities": (
        lambda kafka: kafka.login("operator", FEEDMILL_SSL_CAFILE=""),
        "FEEDMILL_SSL_CAFILE must name a file with the authority that signed it",
    ),
    "certificate of another host": (
        lambda kafka: kafka.login("operator", FEEDMILL_BROKER=kafka.address("STRANGE")),
        "certificate is not valid for '127.0.0.1'. FEEDMILL_BROKER must name each broker as its certificate does.",
    ),
    "no TLS": (
        lambda kafka: kafka.login("operator", FEEDMILL_SECURITY_PROTOCOL="PLAINTEXT"),
        "because it expects TLS or a login: FEEDMILL_SECURITY_PROTOCOL is PLAINTEXT.",
    ),
    "login without TLS": (
        lambda kafka: kafka.login("operator", FEEDMILL_SECURITY_PROTOCOL="SASL_PLAINTEXT"),
        "because it expects TLS, or no login: FEEDMILL_SECURITY_PROTOCOL is SASL_PLAINTEXT.",
    ),
    "TLS without login": (
        lambda kafka: kafka.login("operator", FEEDMILL_SECURITY_PROTOCOL="SSL"),
        "because it expects no TLS, a login, or this client's certificate",
    ),
    "TLS where there is none": (
        lambda kafka: kafka.login("operator", FEEDMILL_BROKER=kafka.plain["bootstrap_servers"]),
        "because it expects no TLS, or no login: FEEDMILL_SECURITY_PROTOCOL is SASL_SSL.",
    ),
    "no certificate of its own": (
        lambda kafka: kafka.certificate(FEEDMILL_SSL_CERTFILE="", FEEDMILL_SSL_KEYFILE=""),
        "or this client's certificate (FEEDMILL_SSL_CERTFILE): FEEDMILL_SECURITY_PROTOCOL is SSL.",
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize("why", REFUSED)
def test_who_is_not_let_in_is_told_why_and_ends_with_code_3(mill: SecuredMill, why: str) -> None:
    """Also within bounds: the command's own limit, two minutes, is far beyond FEEDMILL_BROKER_WAIT_SECONDS."""
    access, says = REFUSED[why]
    done = mill.run(access(mill.kafka), "topics", "check")
    told_clearly(done, says, mill.kafka)


@pytest.mark.heavy
@pytest.mark.parametrize("why", REFUSED)
def test_a_worker_that_is_not_let_in_ends_with_code_3(mill: SecuredMill, tmp_path: Path, why: str) -> None:
    access, says = REFUSED[why]
    done = mill.run({**access(mill.kafka), "FEEDMILL_STATE_DIR": str(tmp_path)}, "worker")
    told_clearly(done, says, mill.kafka)


def told_clearly(done: subprocess.CompletedProcess[str], says: str, kafka: SecuredKafka) -> None:
    told = done.stdout + done.stderr
    assert done.returncode == ExitCode.NO_BROKER, told
    assert says in told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 3, told
    assert not [word for word in (WRONG_PASSWORD, kafka.passwords["operator"]) if word in told]


@pytest.mark.heavy
def test_a_command_of_several_brokers_takes_the_one_that_lets_it_in(mill: SecuredMill) -> None:
    """A certificate that is not trusted at the first address is no verdict on the second."""
    kafka = mill.kafka
    both = f"{kafka.address('STRANGE')},{kafka.address('LOGIN')}"
    done = mill.run(kafka.login("operator", FEEDMILL_BROKER=both), "topics", "check")
    assert (done.returncode, done.stderr) == (0, "")


def empty(folder: Path) -> dict[str, str]:
    file = folder / "empty.pem"
    file.write_text("")
    return {"FEEDMILL_SSL_CAFILE": str(file)}


def key_of_another(folder: Path) -> dict[str, str]:
    certificate, _ = Authority(folder, "one").issue("first", alternatives="DNS:first")
    _, key = Authority(folder, "two").issue("second", alternatives="DNS:second")
    return {"FEEDMILL_SSL_CERTFILE": str(certificate), "FEEDMILL_SSL_KEYFILE": str(key)}


def key_with_a_passphrase(folder: Path) -> dict[str, str]:
    certificate, key = Authority(folder, "one").issue("locked", alternatives="DNS:locked")
    locked = folder / "locked.encrypted.key"
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret"],
        check=True,
        capture_output=True,
    )
    return {"FEEDMILL_SSL_CERTFILE": str(certificate), "FEEDMILL_SSL_KEYFILE": str(locked)}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(empty, "FEEDMILL_SSL_CAFILE cannot be used: ", id="authorities that are none"),
        pytest.param(key_of_another, "FEEDMILL_SSL_KEYFILE cannot be used: ", id="key of another certificate"),
        pytest.param(key_with_a_passphrase, "the key without a passphrase", id="key with a passphrase"),
    ],
)
@pytest.mark.parametrize("command", [("topics", "check"), ("worker",), ("check",)])
def test_files_that_hold_nothing_of_use_are_a_sentence_and_code_2(
    mill: SecuredMill, tmp_path: Path, make: Callable[[Path], dict[str, str]], says: str, command: tuple[str, ...]
) -> None:
    access = mill.kafka.login("operator", FEEDMILL_STATE_DIR=str(tmp_path / "state"), **make(tmp_path))
    done = mill.run(access, *command)
    assert done.returncode == ExitCode.WRONG_USE, done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.heavy
def test_a_worker_with_a_certificate_of_its_own(mill: SecuredMill, tmp_path: Path) -> None:
    """mTLS: the certificate's common name is the user."""
    kafka = mill.kafka
    done = mill.run(kafka.login("ingest"), "ingest", "samples")
    assert done.returncode == 0, done.stderr
    mill.work(kafka.certificate(), tmp_path)
