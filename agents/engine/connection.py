"""How the mill reaches its brokers: one set of settings for aiokafka and for Faust."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Protocol

import faust

from agents.settings import SettingsError


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Brokers(Protocol):
    """The part of the settings that names the brokers and says how to prove who we are to them."""

    broker: str
    security_protocol: str
    sasl_mechanism: str | None
    sasl_username: str | None
    sasl_password: Any
    ssl_cafile: Any
    ssl_certfile: Any
    ssl_keyfile: Any


def connection(brokers: Brokers) -> dict[str, Any]:
    """Arguments for aiokafka's clients."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": brokers.broker,
        "security_protocol": brokers.security_protocol,
    }
    if "SSL" in brokers.security_protocol:
        arguments["ssl_context"] = _ssl_context(brokers)
    if brokers.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = brokers.sasl_mechanism
        arguments["sasl_plain_username"] = brokers.sasl_username
        arguments["sasl_plain_password"] = _password(brokers)
    return arguments


def faust_arguments(brokers: Brokers) -> Mapping[str, Any]:
    """The same for Faust's application."""
    arguments: dict[str, Any] = {"broker": [f"kafka://{address.strip()}" for address in brokers.broker.split(",")]}
    context = _ssl_context(brokers) if "SSL" in brokers.security_protocol else None
    if brokers.security_protocol.startswith("SASL"):
        arguments["broker_credentials"] = faust.SASLCredentials(
            mechanism=brokers.sasl_mechanism,
            username=brokers.sasl_username,
            password=_password(brokers),
            ssl_context=context,
        )
    elif context is not None:
        arguments["broker_credentials"] = faust.SSLCredentials(context)
    return arguments


def _ssl_context(brokers: Brokers) -> ssl.SSLContext:
    """Certificates and host names are always checked. Raises SettingsError where a file holds nothing of use."""
    try:
        context = ssl.create_default_context(cafile=_path(brokers.ssl_cafile))
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"FEEDMILL_SSL_CAFILE cannot be used: {brokers.ssl_cafile} holds no certificate in PEM form that can be "
            f"read ({_reason(error)})."
        ) from error
    if brokers.ssl_certfile:
        try:
            context.load_cert_chain(_path(brokers.ssl_certfile) or "", _path(brokers.ssl_keyfile), password=_nobody)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"FEEDMILL_SSL_CERTFILE and FEEDMILL_SSL_KEYFILE cannot be used: {brokers.ssl_certfile} and "
                f"{brokers.ssl_keyfile} must hold a certificate and its key in PEM form, the key without a passphrase "
                f"({_reason(error)})."
            ) from error
    return context


def _nobody() -> str:
    """In the place of OpenSSL's own question on the terminal, which a worker would wait at for ever."""
    return ""


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)


def _path(value: Any) -> str | None:
    return str(value) if value else None


def _password(brokers: Brokers) -> str | None:
    password: Secret | None = brokers.sasl_password
    return None if password is None else password.get_secret_value()
