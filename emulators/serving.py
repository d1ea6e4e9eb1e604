"""The HTTP server under every emulated cloud: werkzeug's threaded one, on the loopback address only."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server

HOST = "127.0.0.1"


class ConnectionCut(Exception):
    """Raised by an application to cut the caller's connection instead of answering."""


class QuietHandler(WSGIRequestHandler):
    """Logs no requests, and sends each answer in one piece: small writes would wait for the peer's delayed ACK."""

    wbufsize = -1
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the emulator counts calls itself."""


class Server:
    """A running server of one WSGI application."""

    def __init__(self, app: WSGIApplication, port: int = 0) -> None:
        """Listen at once. Raises OSError when the port is taken.

        Args:
            app: what answers.
            port: 0 for a free one.
        """
        listener = socket.create_server((HOST, port), backlog=512)
        self.port: int = listener.getsockname()[1]
        # werkzeug takes a descriptor of its own; a port in use thus is an OSError and not werkzeug's sys.exit.
        self._server = make_server(
            HOST, self.port, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
        )
        listener.close()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="emulator", daemon=True)

    @property
    def endpoint(self) -> str:
        """URL to give to SDKs and to `control.Control`."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening. Requests that are being answered may still finish."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def cut(environ: WSGIEnvironment) -> None:
    """Reset the connection of a request, as a dying server or network would. Always raises ConnectionResetError."""
    peer: Any = environ.get("werkzeug.socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("connection cut by a fault")
