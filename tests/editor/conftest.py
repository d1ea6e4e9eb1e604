"""yaml-language-server, spoken to as an editor does, and the derived schemas in a folder. Needs node and npm."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.reference import catalogue, files
from schemas.lock import advance

HERE = Path(__file__).resolve().parent
CAPABILITIES = {
    "hover": {"contentFormat": ["markdown"]},
    "completion": {"completionItem": {"snippetSupport": True}},
}
SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}


class LanguageServer:
    """Messages over the server's standard streams (Language Server Protocol 3.17)."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.numbers = itertools.count(1)
        self.published = {}
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {"textDocument": CAPABILITIES}})
        self.notify("initialized", {})
        self.notify("workspace/didChangeConfiguration", {"settings": SETTINGS})

    def notify(self, method, params):
        self._send({"method": method, "params": params})

    def request(self, method, params):
        number = next(self.numbers)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def diagnostics(self, uri, text):
        """What is wrong with a new document of this name: line, counted from 1, and message."""
        self.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}},
        )
        while uri not in self.published:
            self._receive()
        return [(each["range"]["start"]["line"] + 1, each["message"]) for each in self.published[uri]]

    def at(self, what, uri, line, column):
        """The answer of `hover` or `completion` at a place of an open document, counted from 1."""
        position = {"line": line - 1, "character": column - 1}
        return self.request(f"textDocument/{what}", {"textDocument": {"uri": uri}, "position": position})

    def close(self):
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.communicate(timeout=30)

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _receive(self):
        headers = dict(line.split(b": ") for line in iter(lambda: self.process.stdout.readline().strip(), b""))
        assert headers, "the language server has ended"
        message = json.loads(self.process.stdout.read(int(headers[b"Content-Length"])))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.published[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:  # it asks for the settings, or to be told of changes
            items = message.get("params", {}).get("items", ())
            self._send({"id": message["id"], "result": [SETTINGS.get(each.get("section")) for each in items]})
        return message


@pytest.fixture(scope="session")
def node():
    """The node program."""
    return shutil.which("node") or pytest.skip("needs node on PATH")


@pytest.fixture(scope="session")
def language_server_command(node):
    """Installs what the lock file beside this module names, once for each content of it."""
    npm = shutil.which("npm") or pytest.skip("needs npm on PATH")
    modules, lock = HERE / "node_modules", (HERE / "package-lock.json").read_bytes()
    stamp = modules / ".installed-from"
    if not stamp.exists() or stamp.read_bytes() != lock:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=110, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install yaml-language-server (no network?): {done.stderr.strip()[-300:]}")
        stamp.write_bytes(lock)
    return [node, str(modules / "yaml-language-server" / "bin" / "yaml-language-server"), "--stdio"]


@pytest.fixture(scope="session")
def language_server(language_server_command):
    server = LanguageServer(language_server_command)
    yield server
    server.close()


@pytest.fixture(scope="session")
def reference_files():
    """Text of every file of the reference by path."""
    published = catalogue()
    return files(published, advance({}, published.schemas))


@pytest.fixture(scope="session")
def schemas(reference_files, tmp_path_factory):
    """A folder with the derived schemas."""
    folder = tmp_path_factory.mktemp("references")
    for path, text in reference_files.items():
        if path.endswith(".input.json"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    return folder
