"""The demo: 30 real worker types on an emulated EC2, through demand, a new image, dying instances and work running out.

Every number it prints is read from the workflows or from the emulator.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import click
from temporalio.client import Client

from activities.converter import data_converter
from cli.applying import Applied, Change, apply
from cli.demo_view import Snapshot, View
from cli.documents import Document, Kind, load
from cli.showing import read_statuses
from cli.stack import ROOT, Stack, start_stack

PHASE_SECONDS = 60.0
LOOK_SECONDS = 0.5
EDITED = "aws_regions_dw_hvm_builder_current"
NEW_IMAGE = "ami-0123456789abcdef0"
KILLED = 10
DEMANDS = (4, 6, 8, 10, 12)


class NotReached(click.ClickException):
    """A phase did not end in time."""


@dataclass
class Measured:
    """What the play measured."""

    worker_types: int = 0
    shared_configs: int = 0
    edit: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, Any] = field(default_factory=dict)


def run_demo(*, once: bool, as_json: bool) -> int:
    """Run the demo; with `once` end after the play. Gives the exit code: 0 only if everything came out even."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    try:
        with View() as view:
            view.phase("starting Temporal, the emulated EC2 and a worker")
            with start_stack(well_known_ports=not once) as stack:
                result, wrong = asyncio.run(_play_and_wait(stack, view, started, once=once))
    except KeyboardInterrupt:
        return 130
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(_sentence(result))
    for each in wrong:
        click.echo(f"wm: demo: {each}", err=True)
    return 1 if wrong else 0


async def _play_and_wait(stack: Stack, view: View, started: float, *, once: bool) -> tuple[dict[str, Any], list[str]]:
    play = Play(stack, await Client.connect(stack.address, data_converter=data_converter), view)
    watching = asyncio.create_task(play.watch())
    try:
        measured = await play.run()
        result = play.result(measured, time.monotonic() - started)
        if not once:
            view.phase("the play is over; everything keeps running until Ctrl-C")
            view.hints(_hints(stack))
            await watching
    finally:
        watching.cancel()
    return result, _what_is_wrong(result)


class Play:
    """The phases of the demo, over what `watch` reads continuously."""

    def __init__(self, stack: Stack, client: Client, view: View) -> None:
        self.stack, self.client, self.view = stack, client, view
        self.snapshot = Snapshot()
        self.names: list[str] = []
        self.looks = 0

    async def watch(self) -> None:
        """Read workflows and emulator over and over; show each snapshot."""
        while True:
            await self._look()
            self.view.show(self.snapshot)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        statuses, _ = await read_statuses(self.client, self.names) if self.names else ([], [])
        instances = await asyncio.to_thread(self.stack.control.instances)
        stats = await asyncio.to_thread(self.stack.control.stats)
        alive = [each for each in instances if each["state"] in ("pending", "running")]
        live: Counter[str] = Counter()
        for each in alive:
            live[each["tags"].get("wm-worker-type", "")] += int(each["tags"].get("wm-capacity", 1))
        by_name = {each["workerType"]: each for each in statuses}
        self.snapshot = Snapshot(by_name, dict(live), frozenset(each["id"] for each in alive), stats)
        self.looks += 1

    async def until(self, what: str, holds: Callable[[Snapshot], bool]) -> float:
        """Wait until a snapshot begun after this call holds; gives the seconds. Raises NotReached after a minute."""
        begun, enough = time.monotonic(), self.looks + 2
        while self.looks < enough or not holds(self.snapshot):
            if time.monotonic() - begun > PHASE_SECONDS:
                raise NotReached(f"{what}: not within {PHASE_SECONDS:.0f} s; logs are in {self.stack.logs}")
            self.stack.check()
            await asyncio.sleep(LOOK_SECONDS / 10)
        return time.monotonic() - begun

    async def run(self) -> Measured:
        """All phases in order."""
        measured = Measured()
        documents = demo_documents()
        await self._apply(documents, measured)
        await self._demand(documents)
        await self._new_image(measured)
        await self._deaths(measured)
        await self._work_runs_out()
        return measured

    async def _apply(self, documents: list[Document], measured: Measured) -> None:
        self.view.phase(f"applying {len(documents)} documents of examples/: each checked before it runs")
        applied = await apply(self.client, documents, "demo")
        refused = [each for each in applied if each.change is Change.REJECTED]
        if refused:
            raise NotReached(f"{refused[0].name} was rejected: {refused[0].why}; logs are in {self.stack.logs}")
        self.names = sorted(each.name for each in applied if each.kind is Kind.WORKER_TYPE)
        measured.worker_types = len(self.names)
        measured.shared_configs = _count(applied, Kind.SHARED_CONFIG)
        self.view.event(f"{measured.worker_types} worker types and {measured.shared_configs} shared configs run")

    async def _demand(self, documents: list[Document]) -> None:
        wanted = {each.name: demand for each, demand in _demands(documents)}
        self.view.phase(f"demand: {sum(wanted.values())} slots of work arrive at {len(wanted)} worker types")
        for name, pending in wanted.items():
            await self._set_demand(name, pending)
        seconds = await self.until("capacity", lambda seen: _is_even(seen) and seen.actual == sum(wanted.values()))
        self.view.event(f"{self.snapshot.actual} slots live {seconds:.1f} s after the demand")

    async def _new_image(self, measured: Measured) -> None:
        self.view.phase(f"a new image: one edit of {EDITED}")
        handle = self.client.get_workflow_handle(f"shared-config:{EDITED}")
        value = deepcopy((await handle.query("value"))["value"])
        value[0]["launchSpec"]["ImageId"] = NEW_IMAGE
        begun = time.monotonic()
        answer = await handle.execute_update("apply_config", {"value": value, "reason": "new image"})
        revision = answer["revision"]

        def all_follow(seen: Snapshot) -> bool:
            users = [each["sharedConfigs"] for each in seen.statuses.values() if EDITED in each["sharedConfigs"]]
            return len(users) == answer["dependents"] and all(each[EDITED] >= revision for each in users)

        await self.until("the edit", all_follow)
        seconds = round(time.monotonic() - begun, 2)
        measured.edit = {
            "sharedConfig": EDITED,
            "revision": revision,
            "dependents": answer["dependents"],
            "secondsToAll": seconds,
        }
        drifted = sum(each["drifted"] for each in self.snapshot.statuses.values())
        self.view.event(
            f"{answer['dependents']} worker types follow after {seconds} s; {drifted} instances have drifted"
        )

    async def _deaths(self, measured: Measured) -> None:
        self.view.phase(f"{KILLED} instances die behind our back")
        killed = set(await asyncio.to_thread(self.stack.control.kill, KILLED))
        seconds = await self.until("replacement", lambda seen: not killed & seen.ids and _is_even(seen))
        measured.replaced = {"killed": len(killed), "seconds": round(seconds, 2)}
        self.view.event(f"{len(killed)} killed instances replaced after {seconds:.1f} s")

    async def _work_runs_out(self) -> None:
        idle = self.names[::3]
        self.view.phase(f"the work of {len(idle)} worker types runs out: they shrink to their minimum")
        for name in idle:
            await self._set_demand(name, 0)

        def has_shrunk(seen: Snapshot) -> bool:
            return _is_even(seen) and all(seen.statuses[each]["demand"]["pending"] == 0 for each in idle)

        seconds = await self.until("scale-in", has_shrunk)
        self.view.event(f"{self.snapshot.actual} slots left {seconds:.1f} s after the work ran out")

    async def _set_demand(self, name: str, pending: int) -> None:
        await self.client.get_workflow_handle(f"worker-type:{name}").execute_update("set_demand", {"pending": pending})

    def result(self, measured: Measured, seconds: float) -> dict[str, Any]:
        """The JSON object: every number from the last snapshot or measured in a phase."""
        seen = self.snapshot
        over = {name: slots - seen.statuses[name]["desired"] for name, slots in seen.live.items() if name in self.names}
        unkept = sum(slots for name, slots in seen.live.items() if name not in self.names)
        return {
            "workerTypes": measured.worker_types,
            "sharedConfigs": measured.shared_configs,
            "desired": seen.desired,
            "actual": seen.actual,
            "launched": seen.stats["launched"],
            "terminated": seen.stats["terminated"],
            "leaked": unkept + sum(max(0, slots) for slots in over.values()),
            "doubled": seen.stats["doubled"],
            "edit": measured.edit,
            "replaced": measured.replaced,
            "seconds": round(seconds, 1),
        }


def demo_documents() -> list[Document]:
    """The plan's own github-worker and the fleet of 2019, whose github-worker gives way to the plan's."""
    plan, problems = load([ROOT / "examples" / "plan"])
    fleet, more = load([ROOT / "examples" / "fleet-2019"])
    if problems or more:
        raise click.ClickException(str((problems + more)[0]))
    taken = {(each.kind, each.name) for each in plan}
    return [*plan, *(each for each in fleet if (each.kind, each.name) not in taken)]


def _demands(documents: list[Document]) -> list[tuple[Document, int]]:
    """Even numbers within each worker type's bounds, since some instance types have two slots."""
    types = sorted((each for each in documents if each.kind is Kind.WORKER_TYPE), key=lambda each: each.name)
    pairs = []
    for index, each in enumerate(types):
        least, most = each.data["minCapacity"], each.data["maxCapacity"]
        pairs.append((each, min(most // 2 * 2, max(least + least % 2, DEMANDS[index % len(DEMANDS)]))))
    return pairs


def _is_even(seen: Snapshot) -> bool:
    """True if every worker type has exactly what it wants, by its own word and by the emulator's."""
    return bool(seen.statuses) and all(
        seen.live.get(name, 0) == each["desired"] == each["actual"] for name, each in seen.statuses.items()
    )


def _count(applied: list[Applied], kind: Kind) -> int:
    return sum(each.kind is kind for each in applied)


def _what_is_wrong(result: dict[str, Any]) -> list[str]:
    wrong = [f"{each} {result[each]}" for each in ("leaked", "doubled") if result[each]]
    if result["actual"] != result["desired"]:
        wrong.append(f"{result['actual']} slots live, but {result['desired']} desired")
    if not result["edit"].get("dependents"):
        wrong.append("the edit reached no dependent")
    return wrong


def _sentence(result: dict[str, Any]) -> str:
    return (
        f"{result['workerTypes']} worker types, {result['actual']} of {result['desired']} slots; launched "
        f"{result['launched']}, terminated {result['terminated']}, leaked {result['leaked']}, "
        f"doubled {result['doubled']}; "
        f"the edit reached {result['edit']['dependents']} in {result['edit']['secondsToAll']} s; "
        f"{result['replaced']['killed']} killed, replaced in {result['replaced']['seconds']} s; "
        f"{result['seconds']} s in all"
    )


def _ui(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports.web}/namespaces/default/workflows"


def _hints(stack: Stack) -> list[str]:
    address = "" if stack.ports.grpc == 7233 else f" --address {stack.address}"
    views = quote("WorkflowType = 'WorkerType'", safe="")
    one = f"update execute{address} -w worker-type:github-worker --name"
    return [
        f"Web UI: {_ui(stack)}?query={views}",
        f"one worker type: {_ui(stack)}/worker-type:github-worker",
        f"./wm status{address}",
        f"./wm temporal workflow query{address} -w worker-type:github-worker --name explain",
        f"./wm temporal workflow {one} set_demand -i 20",
        f"./wm temporal workflow {one} pause -i '\"budget\"'",
        f"./wm temporal workflow metadata{address} -w worker-type:github-worker",
        f"no capacity any more: curl -d '{{\"*\": 0}}' {stack.control.endpoint}/_emu/capacity",
    ]
