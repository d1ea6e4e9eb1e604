"""A running EC2 emulator inside this process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from emulators.control import Control
from emulators.ec2 import shapes
from emulators.ec2.actions import DEFAULT_LIMITS
from emulators.ec2.app import Ec2App
from emulators.guests import Guest
from emulators.serving import Server
from emulators.settings import Settings, changed


class Ec2Emulator:
    """An emulated EC2 on a port of its own: `with Ec2Emulator(settings={...}) as emulator: ... emulator.endpoint`."""

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        guest_hook: Callable[[Guest], None] | None = None,
    ) -> None:
        """Listen, but answer only once started.

        Args:
            port: 0 for a free one.
            seed: of ids, jitter and random choices.
            settings: as `POST /_emu/settings` takes them.
            guest_hook: called once for each instance that becomes running.

        Raises:
            ControlRefused: wrong settings.
            OSError: the port is taken.
        """
        first = changed(Settings(), settings or {}, DEFAULT_LIMITS)
        self.app = Ec2App(first, seed=seed, hook=guest_hook)
        self._server = Server(self.app, port)
        self._clock = threading.Thread(target=self.app.store.run, name="emulator-clock", daemon=True)
        self.endpoint = self._server.endpoint
        self.control = Control(self.endpoint)

    def start(self) -> None:
        """Answer calls. The tables are loaded before, so that the first call is as fast as the next."""
        shapes.instance_types()
        shapes.regions()
        self.app.hooks.start()
        self._clock.start()
        self._server.start()

    def stop(self) -> None:
        """Stop answering and end all threads but those of requests under way."""
        self._server.stop()
        self.app.stop()
        self._clock.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
