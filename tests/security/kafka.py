"""A Kafka that trusts nobody: TLS, logins and ACLs on, all on loopback.

Four listeners. BROKER is the embedded broker's own, without TLS: whoever comes by it is `User:ANONYMOUS`, the super
user here, as an administrator on the machine would be. LOGIN asks for SCRAM-SHA-512 over TLS. MUTUAL asks for the
certificate of a client. STRANGE is LOGIN with a certificate for another host.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from agents.engine.acls import Grant, Operation, Pattern, Resource
from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import LOOPBACK, free_port
from tests.security.certificates import Authority, together

USERS = ("worker", "ingest", "reader", "watcher", "operator", "nobody")
OTHER_HOST = "kafka.elsewhere.example"

# The numbers of Kafka's protocol.
_RESOURCE = {Resource.TOPIC: 2, Resource.GROUP: 3, Resource.TRANSACTIONAL_ID: 5}
_PATTERN = {Pattern.LITERAL: 3, Pattern.PREFIXED: 4}
_OPERATION = {
    Operation.READ: 3,
    Operation.WRITE: 4,
    Operation.CREATE: 5,
    Operation.DESCRIBE: 8,
    Operation.DESCRIBE_CONFIGS: 10,
    Operation.ALTER_CONFIGS: 11,
}
_ALLOW = 3

_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class _DeleteAcls(DeleteAclsRequest):  # type: ignore[misc]
    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = list(rows)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


class _CreateAcls(CreateAclsRequest):  # type: ignore[misc]
    """aiokafka's own makes one permission a request."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = list(rows)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


class SecuredKafka:
    """The broker, what its users need to come in, and their ACLs."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "authority")
        self.stranger = Authority(folder, "stranger")
        self.passwords = {name: f"{name}-{secrets.token_urlsafe(12)}" for name in USERS}
        self.client_certificate, self.client_key = self.authority.issue("worker", alternatives="DNS:worker")
        own = together(
            *self.authority.issue("broker", alternatives=f"IP:{LOOPBACK},DNS:localhost"), folder / "broker.pem"
        )
        other = together(*self.authority.issue("other", alternatives=f"DNS:{OTHER_HOST}"), folder / "other.pem")
        self._ports = {"LOGIN": 0, "MUTUAL": 0, "STRANGE": 0}
        self._keystores = {"LOGIN": own, "MUTUAL": own, "STRANGE": other}
        self._allowed: dict[str, set[tuple[Any, ...]]] = {}
        self.broker: EmbeddedBroker | None = None

    def start(self) -> None:
        port, controller = free_port(), free_port()
        self._ports = {name: free_port() for name in self._ports}
        self.broker = EmbeddedBroker(
            voters={1: controller}, settings=self._settings(port, controller), users=self.passwords
        )
        self.broker.start(port=port)

    def stop(self) -> None:
        if self.broker is not None:
            self.broker.stop()

    @property
    def plain(self) -> dict[str, Any]:
        """aiokafka's arguments for the administrator on the machine."""
        assert self.broker is not None
        return {"bootstrap_servers": self.broker.address}

    def address(self, listener: str) -> str:
        return f"{LOOPBACK}:{self._ports[listener]}"

    def login(self, user: str, **changes: str) -> dict[str, str]:
        """The environment of a command that logs in as a user; `changes` win."""
        return {
            "FEEDMILL_BROKER": self.address("LOGIN"),
            "FEEDMILL_SECURITY_PROTOCOL": "SASL_SSL",
            "FEEDMILL_SASL_MECHANISM": "SCRAM-SHA-512",
            "FEEDMILL_SASL_USERNAME": user,
            "FEEDMILL_SASL_PASSWORD": self.passwords[user],
            "FEEDMILL_SSL_CAFILE": str(self.authority.certificate),
            **changes,
        }

    def certificate(self, **changes: str) -> dict[str, str]:
        """The environment of a command that shows the worker's certificate."""
        return {
            "FEEDMILL_BROKER": self.address("MUTUAL"),
            "FEEDMILL_SECURITY_PROTOCOL": "SSL",
            "FEEDMILL_SSL_CAFILE": str(self.authority.certificate),
            "FEEDMILL_SSL_CERTFILE": str(self.client_certificate),
            "FEEDMILL_SSL_KEYFILE": str(self.client_key),
            **changes,
        }

    async def allow(self, user: str, granted: Iterable[Grant]) -> None:
        """Give a user these permissions and take all others back."""
        principal = f"User:{user}"
        rows = [
            (
                _RESOURCE[grant.resource], grant.name, _PATTERN[grant.pattern],
                principal, "*", _OPERATION[operation], _ALLOW,
            )
            for grant in granted
            for operation in grant.operations
        ]  # fmt: skip
        admin = AIOKafkaAdminClient(**self.plain)
        await admin.start()
        try:
            # Never a moment without those that stay.
            made = await admin._send_to_controller(_CreateAcls(rows))
            assert not [answer for answer in made.creation_responses if answer[0]]
            surplus = self._allowed.get(user, set()) - set(rows)
            removed = await admin._send_to_controller(_DeleteAcls(list(surplus)))
            assert not [answer for answer in removed.filter_responses if answer[0]]
            self._allowed[user] = set(rows)
        finally:
            await admin.close()

    def _settings(self, port: int, controller: int) -> dict[str, str]:
        secured = {name: f"{name}://{LOOPBACK}:{number}" for name, number in self._ports.items()}
        settings = {
            "listeners": ",".join(
                (f"BROKER://{LOOPBACK}:{port}", f"CONTROLLER://{LOOPBACK}:{controller}", *secured.values())
            ),
            "advertised.listeners": ",".join((f"BROKER://{LOOPBACK}:{port}", *secured.values())),
            "listener.security.protocol.map": (
                "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL,STRANGE:SASL_SSL"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=([^,]*).*$/$1/",
        }
        for name, keystore in self._keystores.items():
            at = f"listener.name.{name.lower()}"
            settings |= {
                f"{at}.ssl.keystore.type": "PEM",
                f"{at}.ssl.keystore.location": str(keystore),
                f"{at}.ssl.truststore.type": "PEM",
                f"{at}.ssl.truststore.location": str(self.authority.certificate),
            }
            if name != "MUTUAL":
                settings[f"{at}.scram-sha-512.sasl.jaas.config"] = _LOGIN
        return settings
