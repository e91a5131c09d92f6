"""Settings: defaults that work, faults as sentences, secrets kept, the page current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents import settings_page
from agents.settings import NOT_SETTINGS, LogLevel, Settings, SettingsError, load_settings, unknown_variables, variable

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests decide nothing here."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_defaults() -> None:
    settings = load_settings()
    assert settings.broker == "127.0.0.1:9092"
    assert (settings.topic_prefix, settings.generation, settings.partitions) == ("feeds", 1, 16)


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        pytest.param("broker", "a.example:9092, b.example:9093", "a.example:9092,b.example:9093", id="two brokers"),
        pytest.param("broker", "[2001:db8::1]:9092", "[2001:db8::1]:9092", id="IPv6"),
        pytest.param("partitions", "4", 4, id="number"),
        pytest.param("partitions", "", 16, id="empty is not set"),
        pytest.param("log_level", "Warning", LogLevel.WARNING, id="level in any case"),
        pytest.param("security_protocol", "ssl", "SSL", id="protocol in any case"),
        pytest.param("state_dir", "/var/lib/mill", Path("/var/lib/mill"), id="folder"),
        pytest.param("site_allow_list", "a.example,b.example", ("a.example", "b.example"), id="list"),
        pytest.param("site_allow_list", " , ", (), id="empty list"),
        pytest.param("skip_records", "t.g1/0/17 t.g1/3/4", ("t.g1/0/17", "t.g1/3/4"), id="list by spaces"),
    ],
)
def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, written: str, expected: object) -> None:
    monkeypatch.setenv(variable(name), written)
    assert getattr(load_settings(), name) == expected


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        pytest.param("partitions", "abc", "'abc' is no whole number from 1 to 1,000", id="no number"),
        pytest.param("partitions", "1.5", "'1.5' is no whole number from 1 to 1,000", id="half a partition"),
        pytest.param("partitions", "0", "'0' is no whole number from 1 to 1,000", id="too small"),
        pytest.param("partitions", "9" * 5000, "999…' is no whole number from 1 to 1,000", id="far too large"),
        pytest.param("heartbeat_seconds", "61", "'61' is no number from 0.1 to 60", id="too large"),
        pytest.param("heartbeat_seconds", "1 s", "'1 s' is no number from 0.1 to 60", id="number with a unit"),
        pytest.param("session_timeout_seconds", "nan", "'nan' is no number from 1 to 1,800", id="not a number at all"),
        pytest.param("broker_wait_seconds", "inf", "'inf' is no number from 0 to 86,400", id="for ever"),
        pytest.param("broker", "localhost", "host:port", id="no port"),
        pytest.param("broker", "a:99999", "host:port", id="port out of range"),
        pytest.param("broker", ",", "host:port", id="no address in the list"),
        pytest.param("broker", "kafka://a:1", "host:port", id="an URL"),
        pytest.param("topic_prefix", "my feeds", "letters", id="prefix with a space"),
        pytest.param("topic_prefix", "..", "letters", id="prefix of dots"),
        pytest.param("log_level", "loud", "'loud' is none of debug, info, warning, error", id="unknown level"),
        pytest.param("security_protocol", "TLS", "'TLS' is none of PLAINTEXT, SSL, SASL_", id="unknown protocol"),
        pytest.param(
            "site_allow_list", ",".join(f"s{number}.example" for number in range(501)), "501 sites", id="too many sites"
        ),
        pytest.param("skip_records", "feeds.raw/1", "topic/partition/offset", id="half a record"),
        pytest.param("skip_records", "feeds.raw/1/2/3", "topic/partition/offset", id="an entry, no record"),
        pytest.param("ssl_cafile", "/nowhere/ca.pem", "not there", id="missing file"),
        pytest.param("sites_file", "/nowhere/sites.toml", "cannot be read", id="missing file of sites"),
        pytest.param("sites_file", str(ROOT / "README.md"), "no TOML", id="another file"),
    ],
)
def test_faults_are_sentences(monkeypatch: pytest.MonkeyPatch, name: str, written: str, says: str) -> None:
    monkeypatch.setenv(variable(name), written)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    sentence = str(raised.value)
    assert sentence.startswith(f"{variable(name)} cannot be used: ")
    assert says in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 200


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"heartbeat_seconds": 9}, "FEEDMILL_SESSION_TIMEOUT_SECONDS", id="heartbeat beside session"),
        pytest.param({"security_protocol": "SASL_SSL"}, "FEEDMILL_SASL_MECHANISM", id="login without mechanism"),
        pytest.param(
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "mill"},
            "FEEDMILL_SASL_PASSWORD",
            id="login without password",
        ),
        pytest.param({"ssl_certfile": __file__}, "FEEDMILL_SSL_KEYFILE", id="certificate without key"),
    ],
)
def test_settings_that_do_not_agree(values: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(**values)


def test_every_fault_is_named() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(partitions="x", generation="y")
    assert len(str(raised.value).splitlines()) == 2


def test_the_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_SASL_PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.sasl_password is not None
    assert settings.sasl_password.get_secret_value() == "hunter2"
    monkeypatch.setenv("FEEDMILL_PARTITIONS", "x")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)


def test_slips_of_the_pen_are_found() -> None:
    environment = {"FEEDMILL_PARTITION": "3", "FEEDMILL_PARTITIONS": "3", "FEEDMILL_CORPUS": "/x", "HOME": "/root"}
    assert unknown_variables(environment) == ["FEEDMILL_PARTITION"]


def test_the_page_is_current() -> None:
    assert settings_page.PAGE.read_text("utf-8") == settings_page.render(), "run: python -m agents.settings_page"


def test_every_setting_has_a_meaning() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert name.endswith("_seconds") <= ("Seconds" in field.description), f"{name}: which unit?"


def test_no_other_variable_is_named_in_the_code() -> None:
    known = {variable(name) for name in Settings.model_fields} | NOT_SETTINGS.keys()
    for path in (ROOT / "agents").rglob("*.py"):
        named = set(re.findall(r"FEEDMILL_[A-Z_]*[A-Z]", path.read_text("utf-8")))
        assert named <= known, path
