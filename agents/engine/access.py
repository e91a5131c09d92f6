"""What to say when a broker does not let somebody in, or does not let them do something."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka import errors as kafka_errors

from agents.engine.transport import EngineError

FORBIDDEN = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.TransactionalIdAuthorizationFailed,
)
"""What aiokafka raises where an ACL is missing."""

ADVICE = "`feedmill topics acls` lists what each role needs."

_LOGIN = (
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.AuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.IllegalSaslStateError,
)
_WHAT = {
    kafka_errors.TopicAuthorizationFailedError: "topic",
    kafka_errors.GroupAuthorizationFailedError: "group",
    kafka_errors.TransactionalIdAuthorizationFailed: "transactional id",
}
_OTHER_NAME = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


class ForbiddenError(EngineError):
    """The broker's ACLs do not allow what was asked."""


def forbidden(what: str, error: Exception) -> ForbiddenError:
    """`what` the broker was asked for, `read the group's offsets`; aiokafka's error names the resource, mostly."""
    kind = _WHAT.get(type(error), "cluster")
    names = error.args[0] if error.args else ""
    named = ", ".join(sorted(map(_name, names))) if isinstance(names, set | frozenset | list) else _name(names)
    about = f" ({kind} {named})" if named else f" (a permission on a {kind})"
    return ForbiddenError(f"The broker's ACLs do not allow this user to {what}{about}. {ADVICE}")


def locked_out(connection: Mapping[str, Any], addresses: str, error: BaseException) -> str | None:
    """Why the broker will never let this client in, as sentences; None where trying again may help."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = (
            "FEEDMILL_BROKER must name each broker as its certificate does."
            if error.verify_code in _OTHER_NAME
            else "FEEDMILL_SSL_CAFILE must name a file with the authority that signed it; without it the system's "
            "authorities count."
        )
        return f"The Kafka broker at {addresses} shows a certificate that is not trusted: {_verified(error)}. {advice}"
    if isinstance(error, _LOGIN):
        user, mechanism = connection.get("sasl_plain_username"), connection.get("sasl_mechanism")
        if isinstance(error, kafka_errors.UnsupportedSaslMechanismError):
            return f"The Kafka broker at {addresses} takes no login by {mechanism}. Check FEEDMILL_SASL_MECHANISM."
        return (
            f"The Kafka broker at {addresses} does not let the user '{user}' in by {mechanism}: the login failed. "
            "Check FEEDMILL_SASL_USERNAME, FEEDMILL_SASL_PASSWORD and FEEDMILL_SASL_MECHANISM."
        )
    return None


def hint(connection: Mapping[str, Any], error: BaseException | None) -> str:
    """What a broker may expect that takes a connection and closes it; "" for any other failure."""
    if not isinstance(error, kafka_errors.KafkaConnectionError | ConnectionResetError | ssl.SSLError):
        return ""
    protocol = str(connection.get("security_protocol", "PLAINTEXT"))
    wanted = {
        "PLAINTEXT": "TLS or a login",
        "SASL_PLAINTEXT": "TLS, or no login",
        "SSL": "no TLS, a login, or this client's certificate (FEEDMILL_SSL_CERTFILE)",
        "SASL_SSL": "no TLS, or no login",
    }.get(protocol, "another protocol")
    return (
        f" It may be that it takes connections and closes them because it expects {wanted}: "
        f"FEEDMILL_SECURITY_PROTOCOL is {protocol}."
    )


def _name(resource: Any) -> str:
    """A topic, a group, or the topic of a TopicPartition."""
    return str(getattr(resource, "topic", resource))


def _verified(error: ssl.SSLCertVerificationError) -> str:
    return str(error.verify_message or error.reason or error).rstrip(".")
