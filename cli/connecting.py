"""The command line's connection to Temporal: `temporal.envconfig` (TEMPORAL_*, temporal.toml) and its own options."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import click
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from activities.converter import data_converter

CONNECT_SECONDS = 10.0
DEFAULTS = {"target_host": "localhost:7233", "namespace": "default"}


class NoServer(click.ClickException):
    """Nothing answers where the server should be."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Options that say where the server is; "" leaves it to the environment and the config file."""

    address: str = ""
    namespace: str = ""
    profile: str = ""
    config_file: str = ""

    def flags(self) -> list[str]:
        """The options given, as the Temporal CLI takes them; what the environment says it reads by itself."""
        given = {"--address": self.address, "--namespace": self.namespace}
        given |= {"--profile": self.profile, "--config-file": self.config_file}
        return [word for name, value in given.items() if value for word in (name, value)]


def target(connection: Connection) -> dict[str, Any]:
    """Arguments of `Client.connect`. Raises click.ClickException if the environment or the config file is wrong."""
    return DEFAULTS | _configured(connection)


def is_configured(connection: Connection) -> bool:
    """True if anything says where the server is, so that the default address would only be a guess."""
    return "target_host" in _configured(connection)


def _configured(connection: Connection) -> dict[str, Any]:
    try:
        options: dict[str, Any] = dict(
            ClientConfig.load_client_connect_config(
                profile=connection.profile or None, config_file=connection.config_file or None
            )
        )
    except RuntimeError as error:
        raise click.ClickException(f"the Temporal client's configuration cannot be used: {error}") from error
    options |= {"target_host": connection.address} if connection.address else {}
    return options | ({"namespace": connection.namespace} if connection.namespace else {})


async def connect(connection: Connection, seconds: float = CONNECT_SECONDS) -> Client:
    """Connect. Raises click.ClickException with one clear line if there is no server."""
    options = target(connection)
    try:
        return await asyncio.wait_for(Client.connect(**options, data_converter=data_converter), seconds)
    except (RuntimeError, RPCError, TimeoutError) as error:
        text = f"no Temporal server at {options['target_host']}; start one (./wm demo), or give --address"
        raise NoServer(text) from error
