"""Every setting of the mill: its environment variable, default, unit and check.

docs/guide/settings.md is written from this module (`python -m agents.settings_page`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import EnumType, StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agents.content.sites import Sites, SitesError, read_sites
from schemas import Position

ENV_PREFIX = "FEEDMILL_"

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)  # Kafka takes 249; the internal names are longer by 40
MAX_SITES = 500
"""Sites with series of their own, two each; what Prometheus keeps of each is dear, and the list is the operator's."""

_SHOWN = 40  # characters of a value that cannot be used
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:,/\[\]]+):(\d{1,5})", re.ASCII)


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class SettingsError(Exception):
    """Settings that cannot be used; the message is whole sentences: which variable, what is wrong, what to do."""


def _listed(value: str) -> list[str]:
    """A list as one line of the environment: parts by commas or white space."""
    return [part for part in re.split(r"[,\s]+", value) if part]


class Settings(BaseSettings):
    """Read from `FEEDMILL_*`. Lists are written with commas. Empty variables count as not set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    broker: str = Field(
        "127.0.0.1:9092",
        description="Addresses of Kafka brokers, `host:port`, several with commas; one that answers is enough.",
    )
    topic_prefix: str = Field(
        "feeds",
        description="First part of every topic's name and of the group's: several mills can share a cluster.",
    )
    generation: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description=(
            "Number of the internal topics' generation. Raise it after `feeds.raw` was created anew or a cluster "
            "was restored: the mill then starts with empty state, knowingly."
        ),
    )
    partitions: int = Field(
        16, ge=1, le=1000, description="Partitions of every topic of the mill, chosen when the topics are created."
    )
    replication: int = Field(
        1, ge=1, le=10, description="Copies of every partition. From 3 on, two must have a record before it counts."
    )
    state_dir: Path = Field(
        Path(".feedmill"),
        description=(
            "Folder of this worker's state, one worker a folder. It is a copy of the changelog topics and can be "
            "deleted while the worker is stopped."
        ),
    )
    rocksdb_cache_mb: int = Field(
        64, ge=1, le=65536, description="Block cache and memory tables of all the worker's stores, in MB."
    )
    session_timeout_seconds: float = Field(
        10,
        ge=1,
        le=1800,
        description="Seconds without a sign of life after which Kafka gives a worker's partitions to others.",
    )
    heartbeat_seconds: float = Field(
        1, ge=0.1, le=60, description="Seconds between two signs of life; at most a third of the session timeout."
    )
    restore_timeout_seconds: float = Field(
        600,
        ge=5,
        le=86400,
        description=(
            "Seconds that a worker may restore its state while others join or leave: the group waits for it so long "
            "before its partitions go to others."
        ),
    )
    transaction_timeout_seconds: float = Field(
        15,
        ge=1,
        le=900,
        description="Seconds after which Kafka gives up a transaction that its worker left open; readers wait for it.",
    )
    group_instance_id: str | None = Field(
        None,
        description=(
            "This worker's fixed name in the group (static membership): restarted within the session timeout under "
            "the same name it gets its partitions back without a rebalance. Give each worker its own."
        ),
    )
    broker_wait_seconds: float = Field(
        60, ge=0, le=86400, description="Seconds that a command waits at start for a broker before it ends with code 3."
    )
    broker_lost_seconds: float = Field(
        60,
        ge=5,
        le=86400,
        description=(
            "Seconds without an answer from any broker after which a worker ends itself, with code 70 and a quarter "
            "of a minute later at most, to be started again. A shorter outage it waits out."
        ),
    )
    stall_seconds: float = Field(
        180,
        ge=5,
        le=86400,
        description=(
            "Seconds in which a stage that has records to work on does not complete a batch, after which `/healthz` "
            "fails and the worker ends itself, with code 70, to be started again; five times as long for one partition "
            "whose stage gets on with others. Time in which the broker is away does not count."
        ),
    )
    stop_deadline_seconds: float = Field(
        20, ge=1, le=600, description="Seconds that a clean stop may take; after them the worker ends at once."
    )
    stuck_seconds: float = Field(
        30,
        ge=1,
        le=60,
        description=(
            "Seconds that a batch may take in one stage, and a suspect record in the child process, before it counts "
            "as stuck: the process ends, and what it was stuck in becomes a dead letter `crashed-worker`."
        ),
    )
    quarantine_memory_mb: int = Field(
        512,
        ge=128,
        le=65536,
        description=(
            "Memory that one suspect record may take in the child process, in MB, beyond the 100 or so that the child "
            "takes itself; less where the container has less left. Needed only after a worker that did not stop in "
            "order."
        ),
    )
    skip_records: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Records of internal topics that cannot be read and shall be passed over, as `topic/partition/offset`. "
            "What they held is lost, and `feedmill ledger` will say so."
        ),
    )
    stories_max_items: int = Field(
        1_000_000,
        ge=10_000,
        le=10_000_000,
        description=(
            "Sightings of articles that new ones are compared with, in each partition of the stories stage: those of "
            "the last 14 days, or of fewer where this limit comes first. One takes up to 700 bytes of memory. The same "
            "on every worker."
        ),
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address that `/metrics`, `/healthz` and `/readyz` listen on; `0.0.0.0` for all."
    )
    metrics_port: int = Field(9808, ge=0, le=65535, description="Port of the metrics; 0 takes a free one and logs it.")
    site_allow_list: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            f"Sites (registrable domains) with series of their own in the metrics, {MAX_SITES} at most; all others are "
            "`other`."
        ),
    )
    sites_file: Path | None = Field(
        None,
        description=(
            "TOML file of what holds for single sites and goes before the mill's own tables: the zone of dates that "
            "name none. The same on every worker; docs/guide/sites.md has its form."
        ),
    )
    log_level: LogLevel = Field(LogLevel.INFO, description="Least weight of what is logged.")
    log_format: LogFormat = Field(LogFormat.CONSOLE, description="Log lines for people, or one JSON object a line.")
    security_protocol: str = Field(
        "PLAINTEXT",
        description="How to talk to the brokers, with or without TLS and a login: "
        + ", ".join(SECURITY_PROTOCOLS)
        + ".",
    )
    sasl_mechanism: str | None = Field(
        None, description="How to log in, for the `SASL_` protocols: " + ", ".join(SASL_MECHANISMS) + "."
    )
    sasl_username: str | None = Field(None, description="Name to log in with, for the `SASL_` protocols.")
    sasl_password: SecretStr | None = Field(None, description="Password to log in with. Never printed or logged.")
    ssl_cafile: Path | None = Field(
        None,
        description="File of the authorities that the brokers' certificates are checked against; else the system's.",
    )
    ssl_certfile: Path | None = Field(
        None, description="File of this client's own certificate, where brokers ask for one."
    )
    ssl_keyfile: Path | None = Field(None, description="File of that certificate's private key.")

    _split = field_validator("skip_records", "site_allow_list", mode="before")(
        lambda value: _listed(value) if isinstance(value, str) else value
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("security_protocol", "sasl_mechanism")
    @classmethod
    def _known(cls, value: str | None, field: ValidationInfo) -> str | None:
        known = SECURITY_PROTOCOLS if field.field_name == "security_protocol" else SASL_MECHANISMS
        if value is not None and value.upper() not in known:
            raise ValueError(f"{_quoted(value)} is none of {', '.join(known)}")
        return value and value.upper()

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        addresses = _listed(value)
        for address in addresses:
            match = _ADDRESS.fullmatch(address)
            if match is None or not 0 < int(match[1]) < 65536:
                raise ValueError(f"'{address}' is no address: write host:port, such as kafka-1.example:9092")
        if not addresses:
            raise ValueError("it names no address: write host:port, such as kafka-1.example:9092")
        return ",".join(addresses)

    @field_validator("topic_prefix")
    @classmethod
    def _prefix(cls, prefix: str) -> str:
        if not _TOPIC_NAME.fullmatch(prefix) or prefix.strip(".") == "":
            raise ValueError("a prefix has 1 to 100 letters, digits, dots, hyphens or underscores")
        return prefix

    @field_validator("skip_records")
    @classmethod
    def _records(cls, records: tuple[str, ...]) -> tuple[str, ...]:
        for record in records:
            position = Position.parse(record)
            if position is None or position.index is not None:
                raise ValueError(f"'{record}' names no record: write topic/partition/offset")
        return records

    @field_validator("site_allow_list")
    @classmethod
    def _few(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        if (count := len(set(sites))) > MAX_SITES:
            raise ValueError(f"it lists {count:,} sites, but at most {MAX_SITES} get series of their own")
        return sites

    @field_validator("sites_file")
    @classmethod
    def _sites(cls, path: Path | None) -> Path | None:
        if path is not None:
            load_sites(path)
        return path

    @field_validator("ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not os.access(path, os.R_OK):
            raise ValueError(f"the file {path} is not there or cannot be read")
        return path

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.heartbeat_seconds * 3 > self.session_timeout_seconds:
            raise ValueError(
                f"FEEDMILL_HEARTBEAT_SECONDS is {self.heartbeat_seconds:g}, which is more than a third of "
                f"FEEDMILL_SESSION_TIMEOUT_SECONDS ({self.session_timeout_seconds:g}): lower the one or raise the other"
            )
        if self.security_protocol.startswith("SASL_"):
            for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
                if getattr(self, name) is None:
                    raise ValueError(
                        f"FEEDMILL_SECURITY_PROTOCOL is {self.security_protocol}, but {variable(name)} is not "
                        "set: set it, or choose a protocol without a login"
                    )
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("FEEDMILL_SSL_CERTFILE and FEEDMILL_SSL_KEYFILE belong together: set both or neither")
        return self


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def load_settings(**values: Any) -> Settings:
    """The settings from the environment, `values` going before it. Raises SettingsError with one sentence a fault."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(fault) for fault in error.errors())) from None


def load_sites(path: Path | None) -> Sites | None:
    """What the file of `sites_file` says. Raises ValueError with a sentence where it cannot be read."""
    if path is None:
        return None
    try:
        return read_sites(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror or error}") from None
    except (SitesError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {path} cannot be used: {error}") from None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that begin as settings do and are none: most often a slip of the pen."""
    known = {variable(name) for name in Settings.model_fields}
    return sorted(
        name for name in environment if name.startswith(ENV_PREFIX) and name not in known | NOT_SETTINGS.keys()
    )


NOT_SETTINGS = {
    "FEEDMILL_JAVA": "Java for the embedded broker: the file, or the folder that JAVA_HOME would name.",
    "FEEDMILL_CACHE": "Folder that the embedded broker's files are kept in between runs.",
    "FEEDMILL_MAVEN_SETTINGS": "Maven's settings file for fetching the embedded broker.",
    "FEEDMILL_CORPUS": "Folder of real documents for the tests that read them.",
    "FEEDMILL_MODEL_SEEDS": "How many seeds the model test of the engine runs.",
}
"""Variables that the embedded broker and the tests read, and that are not part of the mill."""


def limits(field: FieldInfo) -> tuple[float, float] | None:
    """The least and the greatest number that a setting can be; None where it is no number."""
    low = next((limit.ge for limit in field.metadata if hasattr(limit, "ge")), None)
    high = next((limit.le for limit in field.metadata if hasattr(limit, "le")), None)
    return None if low is None or high is None else (low, high)


def _sentence(fault: Any) -> str:
    """One fault as a sentence: which setting, the value where it can be no secret, and what is wanted."""
    message = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    if not fault["loc"]:
        return f"{message}."
    name = str(fault["loc"][0])
    if fault["type"] != "value_error" and (wanted := _wanted(Settings.model_fields[name])):
        message = f"{_quoted(fault['input'])} is {wanted}"
    return f"{variable(name)} cannot be used: {message}."


def _wanted(field: FieldInfo) -> str:
    """What a value of a number or a closed list failed to be; "" for any other setting."""
    if (between := limits(field)) is not None:
        kind = "whole number" if field.annotation is int else "number"
        return f"no {kind} from {between[0]:,} to {between[1]:,}"
    if isinstance(field.annotation, EnumType):
        return f"none of {', '.join(choice.value for choice in field.annotation)}"
    return ""


def _quoted(value: object) -> str:
    text = str(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"
