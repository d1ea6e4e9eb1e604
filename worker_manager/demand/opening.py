"""Which module reads which source; imported when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from worker_manager.demand.contract import DemandSource, DemandUnavailable, check_settings

# Module and class of every source that is read by a client of its own; where it needs one, the extra that brings it.
SOURCES = {
    "http": ("worker_manager.demand.http", "HttpSource", ""),
    "taskcluster": ("worker_manager.demand.taskcluster", "TaskclusterSource", "taskcluster"),
    "sqs": ("worker_manager.demand.sqs", "SqsSource", "aws"),
}


def open_source(settings: Mapping[str, Any], hosts: Sequence[str] = ()) -> DemandSource:
    """The source of these normalized settings; `hosts` are patterns, none allow all. Raises DemandUnavailable."""
    check_settings(settings)
    module, name, extra = SOURCES[settings["source"]]
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        text = f"demand source {settings['source']!r}: its client is not installed here ({error.name})"
        hint = f"; install worker-manager[{extra}]" if extra else ""
        raise DemandUnavailable(text + hint) from error
    return cast("Callable[..., DemandSource]", found)(settings, hosts)
