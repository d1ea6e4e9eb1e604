"""The client of the control API: steers an emulated cloud and reads what it counted. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

TIMEOUT_SECONDS = 30.0


class Control:
    """One emulated cloud, by its endpoint.

    Every method raises ValueError with the emulator's words when the request is wrong (HTTP 400, 404), and
    ConnectionError when nothing answers.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")

    def add_fault(self, op: str, **fault: Any) -> str:
        """Let calls fail; give the fault's id.

        Args:
            op: operation name or glob.
            fault: `match`, `times`, `probability`, `status`, `code`, `message`, `headers`, `delay_seconds`, `after`,
                `drop`, as `emulators.faults.Fault` explains them.
        """
        return str(self._post("faults", {"op": op, **fault})["id"])

    def clear_faults(self, fault_id: str = "") -> int:
        """Remove one fault, or all; give how many were removed."""
        query = f"?{urlencode({'id': fault_id})}" if fault_id else ""
        return int(self._ask("DELETE", f"faults{query}")["removed"])

    def faults(self) -> list[dict[str, Any]]:
        """Give the faults in force, with their `hits`."""
        return list(self._ask("GET", "faults")["faults"])

    def set_capacity(self, pools: Mapping[str, int | None]) -> None:
        """Set how many instances pools (`zone/type/market` or a glob) hold at once; None is unlimited."""
        self._post("capacity", dict(pools))

    def set_prices(self, pools: Mapping[str, float | None]) -> None:
        """Set what an instance costs an hour in pools (`zone/type/market` or a glob); None is the usual price."""
        self._post("prices", dict(pools))

    def set_settings(self, **settings: Any) -> dict[str, Any]:
        """Change settings, as `emulators.settings.Settings` explains them; give all that hold now."""
        return self._post("settings", settings)

    def settings(self) -> dict[str, Any]:
        """Give the settings that hold."""
        return self._ask("GET", "settings")

    def preempt(
        self,
        *,
        ids: Iterable[str] | None = None,
        count: int | None = None,
        match: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> list[str]:
        """Take living instances away behind everyone's back; give their ids.

        Args:
            ids: only these.
            count: at most so many, chosen at random.
            match: only those with these facts (globs): `region`, `zone`, `type`, `market`, `state`, `image`, `tag:KEY`.
            reason: StateReason code, "" for the one that fits the market.
        """
        given = {"ids": None if ids is None else list(ids), "count": count, "match": match, "reason": reason}
        body = {name: value for name, value in given.items() if value is not None}
        return list(self._post("preempt", body)["preempted"])

    def kill(self, count: int, **match: str) -> list[str]:
        """Take `count` random instances away, as hardware failing would."""
        return self.preempt(count=count, match=match, reason="Server.InternalError")

    def stats(self) -> dict[str, Any]:
        """Give what was counted since the start or the last reset."""
        return self._ask("GET", "stats")

    def instances(self, **match: str) -> list[dict[str, Any]]:
        """Give every instance that still exists, terminated ones included, as far as its facts match."""
        query = f"?{urlencode(match)}" if match else ""
        return list(self._ask("GET", f"instances{query}")["instances"])

    def reset(self) -> None:
        """Put the emulator back to how it was started."""
        self._post("reset", {})

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_emu/{path}", data, method=method)  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # loopback
                parsed: dict[str, Any] = json.load(answer)
                return parsed
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(f"emulator refused {method} {path}: {error.read().decode()}") from error
        except urllib.error.URLError as error:
            raise ConnectionError(f"emulator at {self.endpoint} does not answer: {error.reason}") from error
