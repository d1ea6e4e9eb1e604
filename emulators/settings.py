"""The knobs of an emulated cloud: how long things take, what is denied, which rate limits hold.

A Settings is a value; a change makes a new one, and only if every part of it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from emulators.buckets import RateLimit
from emulators.patterns import ControlRefused, number, refuse_unknown


@dataclass(frozen=True, slots=True)
class Settings:
    """How the emulated cloud behaves. Durations are divided by `speed`; rate limits and token validity are not.

    Attributes:
        speed: how many times faster than real time instances live.
        boot_seconds: from launch to running.
        boot_jitter: share of boot_seconds, 0..1, by which a boot may differ either way.
        shutdown_seconds: from the terminate call to terminated.
        terminated_seconds: how long a terminated instance stays in listings.
        visibility_lag_seconds: how long a new instance is missing from listings.
        token_seconds: how long an idempotency token outlives its last instance (EC2: at least 24 h).
        rate_limits: token bucket by name; empty switches limits off.
        denied_images: images that "do not exist".
        subnet_zones: zone of a subnet.
        zones: zones of a region from which one is chosen when a launch names none.
        guest_hook_url: where "this instance is running" is posted; "" is nowhere.
    """

    speed: float = 1.0
    boot_seconds: float = 1.0
    boot_jitter: float = 0.2
    shutdown_seconds: float = 1.0
    terminated_seconds: float = 60.0
    visibility_lag_seconds: float = 0.0
    token_seconds: float = 86_400.0
    rate_limits: dict[str, RateLimit] = field(default_factory=dict)
    denied_images: tuple[str, ...] = ()
    subnet_zones: dict[str, str] = field(default_factory=dict)
    zones: dict[str, tuple[str, ...]] = field(default_factory=dict)
    guest_hook_url: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the settings in the shape in which they are set."""
        return asdict(self)


def changed(settings: Settings, body: Mapping[str, Any], default_limits: Mapping[str, RateLimit]) -> Settings:
    """Give `settings` with the members of `body` replaced.

    Args:
        settings: what holds now.
        body: JSON object of setting -> value.
        default_limits: what `rate_limits: true` means for this cloud.
    Raises:
        ControlRefused: some member is unknown or has a wrong value; then nothing changes.
    """
    refuse_unknown(body, (*_PARSERS, "rate_limits"), "settings")
    parsed = {name: _PARSERS[name](value, name) for name, value in body.items() if name != "rate_limits"}
    if "rate_limits" in body:
        parsed["rate_limits"] = _limits(body["rate_limits"], default_limits)
    return replace(settings, **parsed)


def _limits(value: Any, defaults: Mapping[str, RateLimit]) -> dict[str, RateLimit]:
    """Read `rate_limits`: true is the cloud's own, false or null none, an object {name: {burst, per_second}}."""
    if value is True:
        return dict(defaults)
    if value is None or value is False:
        return {}
    if not isinstance(value, dict):
        raise ControlRefused(f"rate_limits must be true, false or an object, not {value!r}")
    unknown = sorted(set(value) - set(defaults))
    if unknown:
        raise ControlRefused(f"unknown rate limit {', '.join(unknown)}; known: {', '.join(defaults)}")
    return {name: _limit(limit, f"rate_limits.{name}") for name, limit in value.items()}


def _limit(value: Any, what: str) -> RateLimit:
    if not isinstance(value, dict) or set(value) != {"burst", "per_second"}:
        raise ControlRefused(f"{what} must be {{'burst': n, 'per_second': n}}, not {value!r}")
    return RateLimit(number(value["burst"], what + ".burst"), number(value["per_second"], what + ".per_second"))


def _seconds(value: Any, what: str) -> float:
    return number(value, what)


def _share(value: Any, what: str) -> float:
    return number(value, what, high=1.0)


def _speed(value: Any, what: str) -> float:
    return number(value, what, low=0.001, high=1_000_000.0)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ControlRefused(f"{what} must be a string, not {value!r}")
    return value


def _hook(value: Any, what: str) -> str:
    url = "" if value is None else _text(value, what)
    if url and not url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        raise ControlRefused(f"{what} must be an http URL of this machine, not {url!r}")
    return url


def _texts(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ControlRefused(f"{what} must be a list of strings, not {value!r}")
    return tuple(_text(item, what) for item in value)


def _text_map(value: Any, what: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ControlRefused(f"{what} must be an object of strings, not {value!r}")
    return {key: _text(item, f"{what}.{key}") for key, item in value.items()}


def _zones(value: Any, what: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not all(value.values()):
        raise ControlRefused(f"{what} must be an object of region to a list of zones, not {value!r}")
    return {region: _texts(zones, f"{what}.{region}") for region, zones in value.items()}


_PARSERS: dict[str, Callable[[Any, str], Any]] = {
    "speed": _speed,
    "boot_seconds": _seconds,
    "boot_jitter": _share,
    "shutdown_seconds": _seconds,
    "terminated_seconds": _seconds,
    "visibility_lag_seconds": _seconds,
    "token_seconds": _seconds,
    "denied_images": _texts,
    "subnet_zones": _text_map,
    "zones": _zones,
    "guest_hook_url": _hook,
}
