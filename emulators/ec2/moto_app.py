"""Moto as the answer to everything this layer does not do itself: other EC2 actions, other services.

Moto is imported at the first call that needs it: its EC2 models take about a second, and most runs never ask.
Its state is one per process, shared by all emulators in it.
"""

from __future__ import annotations

import io
import os
import re
import threading
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIEnvironment

from werkzeug.wrappers import Response

from emulators.ec2.errors import status_of

_IMAGES = Path(__file__).with_name("images.json")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")


class Moto:
    """The moto server application, made when first asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._app: Any = None

    def app(self) -> Any:
        """Give moto's own WSGI application; the first call imports it."""
        with self._lock:
            if self._app is None:
                # Read when moto is imported: its usual 1301 images cost 1.8 s, and 9 ms at every launch.
                os.environ.setdefault("MOTO_AMIS_PATH", str(_IMAGES))
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._app = DomainDispatcherApplication(create_backend_app)
            return self._app

    def answer(self, environ: WSGIEnvironment, body: bytes) -> tuple[Response, str]:
        """Let moto answer a request whose body was read already; give the answer, and its error code or ""."""
        environ["wsgi.input"] = io.BytesIO(body)
        response = Response.from_app(self.app(), environ, buffered=True)
        if response.status_code < 400:
            return response, ""
        found = _CODE.search(response.get_data())
        code = found[1].decode() if found else f"HTTP{response.status_code}"
        if found and response.status_code == 400:  # moto answers 400 where EC2 answers 401, 403, 500, 503
            response.status_code = status_of(code)
        return response, code

    def reset(self) -> None:
        """Forget everything moto holds, if it was ever used."""
        with self._lock:
            if self._app is not None:
                from moto.moto_api._internal.models import moto_api_backend

                moto_api_backend.reset()
