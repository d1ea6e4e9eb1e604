"""The EC2 emulator as a WSGI application: sends each request to the control API, to our actions or to moto.

Decides the order of things around a call (count, fault, rate limit, action, fault after the effect); what an action
does is in `actions`, what instances do in `store`.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Response

from emulators import control_api, serving
from emulators.calls import Calls
from emulators.capacity import Capacity
from emulators.ec2.actions import DEFAULT_LIMITS, Actions, Call
from emulators.ec2.errors import THROTTLES, Ec2Error, code_of, error_body
from emulators.ec2.instance import Instance
from emulators.ec2.moto_app import Moto
from emulators.ec2.shapes import answer_body, regions
from emulators.ec2.spot_prices import usual_price
from emulators.ec2.store import Store
from emulators.faults import Fault, Faults
from emulators.guests import Guest, GuestHooks
from emulators.prices import Prices
from emulators.settings import Settings, changed


class Ec2App:
    """The emulated EC2 of all regions and one account."""

    def __init__(self, settings: Settings, *, seed: int = 0, hook: Callable[[Guest], None] | None = None) -> None:
        self._first_settings = self._settings = settings
        self._stopping = threading.Event()
        self._moto = Moto()
        self.calls = Calls()
        self.faults = Faults(seed)
        self.capacity = Capacity()
        self.prices = Prices(usual_price)
        self.hooks = GuestHooks(hook, lambda: self._settings.guest_hook_url)
        self.store = Store(lambda: self._settings, self.capacity, seed, self._greet)
        self.actions = Actions(self.store, lambda: self._settings, self.prices)

    def _greet(self, instance: Instance) -> None:
        self.hooks.put(lambda: _guest(instance))

    def stop(self) -> None:
        """Let delayed answers go, and end the store's thread and the hooks."""
        self._stopping.set()
        self.store.stop()
        self.hooks.stop()

    # ---- requests

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            response = self._respond(environ, body)
        except serving.ConnectionCut:
            self.calls.add_dropped()
            serving.cut(environ)
            raise
        return response(environ, start_response)

    def _respond(self, environ: WSGIEnvironment, body: bytes) -> Response:
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path.startswith(control_api.PREFIX):
            status, value = control_api.answer(self, environ["REQUEST_METHOD"], path, query, body)
            return Response(json.dumps(value), status, mimetype="application/json")
        try:
            region, service = _credential_scope(environ)
            if service != "ec2":
                return self._moto.answer(environ, body)[0]
            flat = dict(parse_qsl(body.decode(errors="replace") or query, keep_blank_values=True))
            return self._call(Call.of(flat.pop("Action", ""), region, flat), environ, body)
        except Ec2Error as error:
            return self._refusal(error)

    def _call(self, call: Call, environ: WSGIEnvironment, body: bytes) -> Response:
        self.calls.add(call.action, call.region)
        fault = self.faults.take(call.action, call.facts)
        if fault is not None and not fault.after:
            self._strike(fault)
        response = self._carried_out(call, environ, body)
        if fault is not None and fault.after:
            self._strike(fault)
        return response

    def _carried_out(self, call: Call, environ: WSGIEnvironment, body: bytes) -> Response:
        try:
            self.actions.limit(call)
            action = self.actions.find(call)
            if action is not None:
                return _success(call.action, action(call))
        except Ec2Error as error:
            return self._refusal(error)
        response, code = self._moto.answer(environ, body)
        if code:
            self.calls.add_error(code)
        return response

    def _strike(self, fault: Fault) -> None:
        """Carry a fault out: wait, then cut the connection or raise the error it asks for."""
        if fault.delay_seconds:
            self._stopping.wait(fault.delay_seconds)
        if fault.is_error:
            code = fault.code or code_of(fault.status)
            message = fault.message or f"{code} (by order of the emulator's fault {fault.fault_id})"
            raise Ec2Error(code, message, status=fault.status, headers=fault.headers)
        if fault.drop or not fault.delay_seconds:
            raise serving.ConnectionCut

    def _refusal(self, error: Ec2Error) -> Response:
        self.calls.add_error(error.code)
        request_id = str(uuid.uuid4())
        body = error_body(error.code, str(error), request_id)
        headers = {"x-amzn-requestid": request_id, **error.headers}
        return Response(body, error.status, headers, content_type="text/xml;charset=UTF-8")

    # ---- control

    def settings_json(self) -> dict[str, Any]:
        """Give the settings that hold."""
        return self._settings.as_json()

    def change_settings(self, body: Mapping[str, Any]) -> None:
        """Change settings; they hold for what happens from now on. Raises ControlRefused."""
        self._settings = changed(self._settings, body, DEFAULT_LIMITS)

    def preempt(self, *, ids: Sequence[str], match: Mapping[str, str], limit: int | None, reason: str) -> list[str]:
        """Take living instances away and give their ids."""
        return self.store.preempt(ids=ids, match=match, limit=limit, reason=reason)

    def stats(self) -> dict[str, Any]:
        """Give all counts."""
        return self.store.stats() | self.calls.as_json(THROTTLES) | {"guest_hooks": self.hooks.as_json()}

    def instances(self, match: Mapping[str, str]) -> list[dict[str, Any]]:
        """Give every instance that still exists and matches."""
        return [_told(instance) for instance in self.store.snapshot(match)]

    def reset(self) -> None:
        """Go back to how it was started. Not meant for times when calls are under way."""
        self._settings = self._first_settings
        self.faults.clear()
        self.capacity.clear()
        self.prices.clear()
        self.actions.tokens.clear()
        self.actions.buckets.clear()
        self.store.clear()
        self.calls.clear()
        self._moto.reset()


def _credential_scope(environ: WSGIEnvironment) -> tuple[str, str]:
    """Read (region, service) from the SigV4 header; moto's own paths are unsigned. Raises Ec2Error(AuthFailure)."""
    if environ["PATH_INFO"].startswith("/moto-api"):
        return "", "moto-api"
    header = environ.get("HTTP_AUTHORIZATION", "")
    scope = header.partition("Credential=")[2].partition(",")[0].strip().split("/")
    match scope:
        case [_, _, region, service, "aws4_request"] if service != "ec2" or region in regions():
            return region, service
    raise Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials")


def _success(action: str, inner: str) -> Response:
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-requestid": request_id}
    return Response(answer_body(action, inner, request_id), 200, headers, content_type="text/xml;charset=UTF-8")


def _guest(instance: Instance) -> Guest:
    user_data = instance.order.user_data.decode(errors="replace")
    return Guest("aws", instance.order.region, instance.instance_id, user_data, dict(instance.tags))


def _told(instance: Instance) -> dict[str, Any]:
    """Describe one instance for `/_emu/instances`, without its user data, which may hold secrets."""
    order = instance.order
    return {
        "id": instance.instance_id,
        "region": order.region,
        "zone": order.zone,
        "type": order.instance_type,
        "market": order.lifecycle or "on-demand",
        "image": order.image_id,
        "subnet": order.subnet_id,
        "state": instance.state.value,
        "reason": instance.reason[0],
        "token": order.token,
        "tags": dict(instance.tags),
        "launched_at": instance.launched_at.isoformat(),
        "state_at": instance.state_at.isoformat() if instance.state_at else None,
        "user_data_bytes": len(order.user_data),
        "user_data_sha256": hashlib.sha256(order.user_data).hexdigest(),
    }
