"""What is particular to the kind `local`, whose instances are processes of this machine: its offerings and rules.

Starts no process. Rules about a single level of launch settings are in the schemas; those here are about what the
levels add up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.launch_settings import capacity_problems, caps_of, launch_spec, slots_and_worth
from worker_manager.model import Cap, LaunchSpec, Market, Offering
from worker_manager.provider import ProviderKind, ProviderRecord

# This machine is the only region there is; it has no zones.
REGION = "local"


class LocalKind:
    """The kind `local`: processes of this machine, by instance type."""

    name = "local"

    def check(self, document: dict[str, Any], record: ProviderRecord | None) -> Sequence[Problem]:
        return [
            *_region_problems(record),
            *_command_problems(document),
            *capacity_problems(document, "instanceTypes", "instance type"),
        ]

    def launch_specs(self, document: dict[str, Any]) -> Sequence[LaunchSpec]:
        return list(_specs(document))

    def caps(self, document: dict[str, Any]) -> Sequence[Cap]:
        return [*caps_of(document["instanceTypes"], "instanceType", "instance_type")]

    def open(self, record: ProviderRecord) -> NoReturn:
        message = (
            f"the provider {record.name!r} cannot be used: this version checks and renders configs of kind 'local', "
            "but has no launcher for it; take the provider out of providers.yml"
        )
        raise ConfigInvalid([Problem("/kind", message, "no-launcher")])


KIND: ProviderKind = LocalKind()


def _specs(document: dict[str, Any]) -> Iterator[LaunchSpec]:
    """One launch spec for each instance type, in document order. Tags are settings, as processes have none."""
    tagged = {"launchSpec": {"tags": document["tags"]}} if document.get("tags") else {}
    for entry in document["instanceTypes"]:
        offering = Offering(REGION, "", entry["instanceType"], Market.ON_DEMAND, *slots_and_worth(entry))
        yield launch_spec(document, offering, (document, entry, tagged))


def _region_problems(record: ProviderRecord | None) -> Iterator[Problem]:
    if record is not None and record.regions and REGION not in record.regions:
        message = (
            f"the provider {record.name!r} names regions, but this machine is the only one: leave them out, or say"
        )
        yield Problem("/provider", f"{message} {REGION!r}", "region-not-allowed")


def _command_problems(document: dict[str, Any]) -> Iterator[Problem]:
    for index, spec in enumerate(_specs(document)):
        if "command" not in spec.settings:
            message = f"no level of launchSpec names a command for instances of type {spec.offering.instance_type!r}"
            yield Problem(f"/instanceTypes/{index}", message, "command-missing")
