"""`python -m emulators.ec2`: an EC2 emulator as a process; says where it listens in one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from emulators.ec2.server import Ec2Emulator
from emulators.patterns import ControlRefused

PARENT_POLL_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or the parent's end. Returns the exit code: 2 for wrong options."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        emulator = Ec2Emulator(port=options.port, seed=options.seed, settings=_settings(options))
    except (ControlRefused, OSError, ValueError) as error:
        sys.stderr.write(f"ec2 emulator cannot start: {error}\n")
        return 2
    with emulator:
        line = json.dumps({"endpoint": emulator.endpoint})
        if options.port_file is not None:
            _write_atomically(options.port_file, line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        _wait(stop, options.parent_pid)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulators.ec2", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 is a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the ready line to, in one step")
    parser.add_argument("--parent-pid", type=int, default=0, help="stop when this process ends")
    parser.add_argument("--seed", type=int, default=0, help="of ids, jitter and random choices")
    parser.add_argument("--speed", type=float, help="how many times faster than real time instances live")
    parser.add_argument("--boot-seconds", type=float, help="from launch to running")
    parser.add_argument("--settings", default="{}", help="JSON object of further settings, as POST /_emu/settings")
    return parser


def _settings(options: argparse.Namespace) -> dict[str, object]:
    """Unite the settings of all options; single options win. Raises ControlRefused or ValueError."""
    settings = json.loads(options.settings)
    if not isinstance(settings, dict):
        raise ControlRefused(f"--settings must be a JSON object, not {options.settings!r}")
    single = {"speed": options.speed, "boot_seconds": options.boot_seconds}
    return settings | {name: value for name, value in single.items() if value is not None}


def _write_atomically(path: Path, line: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(line + "\n")
    partial.replace(path)


def _wait(stop: threading.Event, parent_pid: int) -> None:
    """Wait for the end: a signal, or that the parent is gone."""
    while not stop.wait(PARENT_POLL_SECONDS if parent_pid else None):
        if not _is_alive(parent_pid):
            return


def _is_alive(pid: int) -> bool:
    """Tell whether a process lives; a parent that died has another one in its place, even while it is a zombie."""
    if pid == _FIRST_PARENT:
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_FIRST_PARENT = os.getppid()

if __name__ == "__main__":
    sys.exit(main())
