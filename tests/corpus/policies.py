"""Faults of the policies of a worker type: times, shares, crons, caps, and members that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.corpus.cases import ABSENT, Case, changed

LAUNCH = "/launchSpec"
ENTRY = {"cron": "0 8 * * *", "duration": "1h"}
DEEP_AFTER = "/spot/after/noCapacity"
# fault, base, pointer, value, and the pointers at fault if they are others; "@" for the key itself
LIFECYCLE: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "sleepers", "/lifecycle/maxLifetime", [3600]),
    ("wrong type", "sleepers", "/lifecycle/drainTimeout", 1.5),
    ("wrong type", "gcp-gpu-test", "/lifecycle/maxIdle", None),
    ("wrong type", "gcp-gpu-test", "/lifecycle", "oldestFirst"),
    ("out of range", "sleepers", "/lifecycle/launchTimeout", -1),
    ("out of range", "sleepers", "/lifecycle/maxIdle", 31_536_001),
    ("out of range", "sleepers", "/lifecycle/launchTimeout", 0),
    ("out of range", "sleepers", "/lifecycle/registrationTimeout", "0s"),
    ("out of range", "sleepers", "/lifecycle/maxLifetime", "00d"),
    ("out of range", "aws-lifecycle", "/value/launchTimeout", "0m"),
    ("out of range", "aws-lifecycle", "/value/registrationTimeout", 0),
    ("bad pattern", "sleepers", "/lifecycle/launchTimeout", "15min"),
    ("bad pattern", "sleepers", "/lifecycle/launchTimeout", "15 m"),
    ("bad pattern", "sleepers", "/lifecycle/registrationTimeout", "1h30m"),
    ("bad pattern", "sleepers", "/lifecycle/maxIdle", "1.5h"),
    ("bad pattern", "sleepers", "/lifecycle/maxLifetime", "30D"),
    ("bad pattern", "aws-lifecycle", "/value/maxLifetime", "P30D"),
    ("bad pattern", "aws-lifecycle", "/value/maxIdle", "-5m"),
    ("bad pattern", "aws-lifecycle", "/value/drainTimeout", ""),
    ("bad pattern", "aws-lifecycle", "/value/launchTimeout", "100000000s"),
    ("misspelt", "sleepers", "/lifecycle/registerTimeout", "10m", "@"),
    ("misspelt", "sleepers", "/lifecycle/maxIdleTime", "10m", "@"),
    ("misspelt", "sleepers", "/lifecycle/drainTimeoutSeconds", 3600, "@"),
)
ROLLOUT: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "sleepers", "/rollout/maxSurge", 1.5),
    ("wrong type", "sleepers", "/rollout/minReadySeconds", "60s"),
    ("wrong type", "sleepers", "/rollout/pause", "yes"),
    ("wrong type", "aws-rollout", "/value/onlyIdle", 1),
    ("out of range", "sleepers", "/rollout/maxSurge", -1),
    ("out of range", "sleepers", "/rollout/maxUnavailable", 1_000_001),
    ("out of range", "sleepers", "/rollout/minReadySeconds", -1),
    ("out of range", "aws-rollout", "/value/minReadySeconds", 86_401),
    ("bad pattern", "sleepers", "/rollout/maxSurge", "101%"),
    ("bad pattern", "sleepers", "/rollout/maxUnavailable", "-5%"),
    ("bad pattern", "aws-rollout", "/value/maxSurge", "2.5%"),
    ("bad pattern", "aws-rollout", "/value/maxSurge", "5 %"),
    ("bad pattern", "aws-rollout", "/value/maxUnavailable", "10"),
    ("misspelt", "sleepers", "/rollout/maxUnavailble", 1, "@"),
    ("misspelt", "aws-rollout", "/value/minReady", 60, "@"),
    ("cross-field", "sleepers", "/rollout/maxSurge", 0, "/rollout"),
    ("cross-field", "sleepers", "/rollout", {"maxSurge": "0%", "maxUnavailable": "0%"}),
    ("cross-field", "aws-rollout", "/value/maxSurge", "0%", "/value"),
    ("cross-field", "gcp-gpu-test", "/rollout/maxUnavailable", ABSENT, "/rollout"),
)
BRAKES: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "sleepers", "/brakes/launchesPerMinute", "60"),
    ("wrong type", "aws-brakes", "/value/unprovenInstances", "10%"),
    ("out of range", "sleepers", "/brakes/launchesPerMinute", 0),
    ("out of range", "sleepers", "/brakes/unprovenInstances", 0),
    ("out of range", "aws-brakes", "/value/terminationsPerMinute", -1),
    ("out of range", "aws-brakes", "/value/launchesPerMinute", 1_000_001),
    ("misspelt", "sleepers", "/brakes/launchesPerHour", 60, "@"),
    ("misspelt", "aws-brakes", "/value/unprovenInstance", 3, "@"),
)
SCHEDULE: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "azure-windows-test", "/schedule/0", "0 8 * * 1-5"),
    ("wrong type", "azure-windows-test", "/schedule/0/cron", ["0 8 * * 1-5"]),
    ("wrong type", "azure-windows-test", "/schedule/0/minCapacity", "20"),
    ("out of range", "azure-windows-test", "/schedule", [{**ENTRY, "minCapacity": 1}] * 51),
    ("out of range", "azure-windows-test", "/schedule/0/duration", 59),
    ("out of range", "azure-windows-test", "/schedule/0/duration", "30s"),
    ("out of range", "aws-working-hours", "/value/1/duration", 0),
    ("out of range", "aws-working-hours", "/value/0/minCapacity", -1),
    ("out of range", "aws-working-hours", "/value/1/maxCapacity", 1_000_001),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "30 7 * *"),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "0 30 7 * * 1-5"),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "61 7 * * 1-5"),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "30 7 * * 1-8"),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "0 0 30 2 *"),
    ("bad pattern", "azure-windows-test", "/schedule/0/cron", "@daily"),
    ("bad pattern", "aws-working-hours", "/value/0/cron", "every day at eight"),
    ("bad pattern", "azure-windows-test", "/schedule/0/timeZone", "Europe/Berln"),
    ("bad pattern", "azure-windows-test", "/schedule/0/timeZone", "UTC+1"),
    ("bad pattern", "aws-working-hours", "/value/0/timeZone", "europe/berlin"),
    ("bad pattern", "aws-working-hours", "/value/0/timeZone", "CEST"),
    ("bad pattern", "azure-windows-test", "/schedule/0/duration", "11 hours"),
    ("missing", "azure-windows-test", "/schedule/0/minCapacity", ABSENT, "/schedule/0"),
    ("missing", "aws-working-hours", "/value/1/maxCapacity", ABSENT, "/value/1"),
    ("misspelt", "azure-windows-test", "/schedule/0/timezone", "Europe/Berlin", "@"),
    ("misspelt", "aws-working-hours", "/value/0/minimumCapacity", 5, "@"),
    ("cross-field", "azure-windows-test", "/schedule/0/maxCapacity", 7, "/schedule/0/minCapacity"),
    ("cross-field", "aws-working-hours", "/value/1/minCapacity", 101),
)
SPOT: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "azure-linux-build", "/spot", "onDemand"),
    ("wrong type", "azure-linux-build", "/spot/fallback", True),
    ("wrong type", "azure-linux-build", "/spot/after", None),
    ("wrong type", "azure-linux-build", "/spot/after", "5m"),
    ("out of range", "azure-linux-build", DEEP_AFTER, -1),
    ("out of range", "aws-spot", "/value/after/noCapacity", 31_536_001),
    ("bad pattern", "azure-linux-build", "/spot/fallback", "ondemand"),
    ("bad pattern", "azure-linux-build", "/spot/fallback", "regular"),
    ("bad pattern", "azure-linux-build", DEEP_AFTER, "2 minutes"),
    ("bad pattern", "aws-spot", "/value/after/quota", "never"),
    ("missing", "azure-linux-build", "/spot", {}),
    ("misspelt", "azure-linux-build", "/spot/after/nocapacity", "2m", "@"),
    ("misspelt", "aws-spot", "/value/after/quotas", "1m", "@"),
    ("cross-field", "azure-linux-build", f"{LAUNCH}/priority", ABSENT, "/spot"),
    ("cross-field", "docker-release", "/spot", {"fallback": "onDemand"}),
    ("cross-field", "docker-small", f"{LAUNCH}/InstanceMarketOptions", ABSENT, "/spot"),
)
OTHERS: tuple[tuple[Any, ...], ...] = (
    ("wrong type", "aws-docker-regions", "/value/1/maxCapacity", "60"),
    ("wrong type", "azure-european-locations", "/value/1/maxCapacity", None),
    ("out of range", "aws-docker-regions", "/value/1/maxCapacity", -1),
    ("out of range", "aws-small-instance-types", "/value/2/maxCapacity", 1_000_001),
    ("out of range", "google-zones-us", "/value/2/maxCapacity", -1),
    ("out of range", "local-sleepers", "/value/1/maxCapacity", 1.5),
    ("misspelt", "aws-small-instance-types", "/value/2/maxCapacty", 80, "@"),
    ("misspelt", "google-zones-us", "/value/2/maximumCapacity", 80, "@"),
    ("wrong type", "gcp-linux-docker", "/demandMaxAge", {}),
    ("out of range", "gcp-linux-docker", "/demandMaxAge", -1),
    ("out of range", "gcp-linux-docker", "/demandMaxAge", 31_536_001),
    ("bad pattern", "gcp-linux-docker", "/demandMaxAge", "10 minutes"),
    ("misspelt", "gcp-linux-docker", "/demandMaxage", "10m", "@"),
    ("misspelt", "docker-small", "/rollouts", {}, "@"),
    ("misspelt", "docker-small", "/brake", {}, "@"),
    ("misspelt", "gcp-linux-docker", "/schedules", [], "@"),
    ("forbidden", "sleepers", "/spot", {"fallback": "none"}, "@"),
    ("bad reference", "docker-small", "/rollout", {"$eval": "context.aws-brakes"}),
    ("bad reference", "docker-small", "/schedule", {"$eval": "context.aws-spot"}),
    ("bad reference", "docker-small", "/spot", {"$eval": "context.aws-sopt"}, "/spot/$eval"),
    ("bad JSON-e", "docker-release", "/rollout/$merge/1", {"maxSurge": "101%"}, "/rollout"),
    ("bad JSON-e", "docker-release", "/rollout/$merge/1", {"maxSurge": 0}, "/rollout"),
    ("bad JSON-e", "docker-release", "/lifecycle/$merge/1", {"launchTimeout": "${0}s"}, "/lifecycle"),
    ("bad JSON-e", "gcp-linux-docker", "/demandMaxAge", {"$eval": "60 * 1.51"}),
)


def all_cases() -> Iterator[Case]:
    for rows in (LIFECYCLE, ROLLOUT, BRAKES, SCHEDULE, SPOT, OTHERS):
        for fault, base, pointer, value, *pointers in rows:
            if pointers == ["@"]:
                yield changed(fault, base, pointer, value, pointer, at_key=True)
            else:
                yield changed(fault, base, pointer, value, *pointers)
