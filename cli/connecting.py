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


@dataclass(frozen=True, slots=True)
class Connection:
    """Options that say where the server is; "" leaves it to the environment and the config file."""

    address: str = ""
    namespace: str = ""
    profile: str = ""
    config_file: str = ""


async def connect(connection: Connection) -> Client:
    """Connect. Raises click.ClickException with one clear line if there is no server."""
    options: dict[str, Any] = {"target_host": "localhost:7233"}
    try:
        options |= ClientConfig.load_client_connect_config(
            profile=connection.profile or None, config_file=connection.config_file or None
        )
    except RuntimeError as error:
        raise click.ClickException(f"the Temporal client's configuration cannot be used: {error}") from error
    options |= {"target_host": connection.address} if connection.address else {}
    options |= {"namespace": connection.namespace} if connection.namespace else {}
    try:
        return await asyncio.wait_for(Client.connect(**options, data_converter=data_converter), CONNECT_SECONDS)
    except (RuntimeError, RPCError, TimeoutError) as error:
        text = f"no Temporal server at {options['target_host']}; start one (./wm demo), or give --address"
        raise click.ClickException(text) from error
