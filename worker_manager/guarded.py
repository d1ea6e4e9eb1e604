"""Resolves documents whose templates could take for ever, in a child process that can be killed. Decides nothing else.

One child serves the whole process: it is started when first needed, does one job at a time, and is killed and replaced
when a job breaks a limit. Documents that are nothing but plain references are resolved in the calling thread.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from worker_manager.config import SharedValue, may_loop, resolve
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.provider import ProviderKind, ProviderRecord
from worker_manager.resolved import ResolvedConfig

TIME_LIMIT_SECONDS = 5.0
MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
# A cold interpreter on a busy machine; what a job may take is not counted from before the child is ready.
_START_LIMIT_SECONDS = 60.0
_READY = "ready"


@dataclass(frozen=True, slots=True)
class _Job:
    document: Any
    shared: Mapping[str, SharedValue]
    now: str
    kind: ProviderKind
    record: ProviderRecord | None
    known_names: tuple[str, ...]

    def run(self) -> ResolvedConfig:
        return resolve(
            self.document,
            self.shared,
            now=self.now,
            kind=self.kind,
            record=self.record,
            known_names=self.known_names,
        )


def resolve_guarded(
    document: Any,
    shared: Mapping[str, SharedValue],
    *,
    now: str,
    kind: ProviderKind,
    record: ProviderRecord | None = None,
    known_names: Iterable[str] = (),
) -> ResolvedConfig:
    """As `config.resolve`, in bounded time and memory. Blocks; may be called from many threads, which then take turns.

    Raises ConfigInvalid as `config.resolve` does, and with the rule `template-too-expensive` on a breach of the limits.
    """
    job = _Job(document, dict(shared), now, kind, record, tuple(known_names))
    return _child.run(job) if may_loop(document) else job.run()


class _Child:
    """The child process and our end of the pipe to it."""

    def __init__(self, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def run(self, job: _Job) -> ResolvedConfig:
        with self._lock:
            pipe = self._ready()
            try:
                pipe.send(job)
                answered = pipe.poll(self._time_limit_seconds)
                answer = pipe.recv() if answered else None
            except (EOFError, OSError):
                answer = None  # it died: of its alarm or of the memory limit
            if answer is None:
                self._stop()
        if answer is None:
            raise ConfigInvalid([_too_expensive(self._time_limit_seconds)])
        if isinstance(answer, ResolvedConfig):
            return answer
        if isinstance(answer, Exception):
            raise answer
        raise ConfigInvalid(answer)

    def _ready(self) -> Connection:
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._time_limit_seconds), name="template-guard", daemon=True
        )
        process.start()
        theirs.close()
        self._process, self._pipe = process, ours
        try:
            is_ready = ours.poll(_START_LIMIT_SECONDS) and ours.recv() == _READY
        except (EOFError, OSError):
            is_ready = False
        if not is_ready:
            self._stop()
            raise ConfigInvalid([_too_expensive(_START_LIMIT_SECONDS)])
        return ours

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


_child = _Child()


def _too_expensive(seconds: float) -> Problem:
    limits = f"{seconds:g} s or {MEMORY_LIMIT_BYTES // 2**20} MiB"
    return Problem("", f"rendering takes more than {limits}; simplify the expressions", "template-too-expensive")


# ---- in the child


def _serve(pipe: Connection, time_limit_seconds: float) -> None:
    """Answer jobs until the parent is gone. The alarm ends a job even if the parent no longer can."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory()
    pipe.send(_READY)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, time_limit_seconds + 1)
            answer = _answer(job)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(answer)


def _answer(job: _Job) -> ResolvedConfig | tuple[Problem, ...] | Exception | None:
    try:
        return job.run()
    except ConfigInvalid as error:
        return error.problems
    except ValueError as error:
        return error
    except MemoryError:
        return None
    except Exception as error:  # noqa: BLE001  # raised again in the parent; its own class may not travel
        return RuntimeError(f"resolving failed in the child process: {type(error).__name__}: {error}")


def _limit_memory() -> None:
    """Allow what is mapped already, and the limit on top of it. Only Linux says how much that is, and keeps to it."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY_LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
