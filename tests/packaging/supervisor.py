"""Home Assistant's Supervisor, as far as an add-on asks it, with the rights that the real one gives.

The rules are those of its `api/middleware/security.py` and `api/services.py` (Supervisor 2026.04).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

TOKEN = "5" * 56
# what every add-on may ask, and what one with `hassio_api: true` and the role `default` may ask beside
_EVERY = re.compile(r"/addons/self/(?!security|update)[^/]+|/info|/services.*|/discovery.*")
_DEFAULT = re.compile(r"/.+/info")


@dataclass
class Supervisor:
    """A server on this machine; `config` is the add-on's config.yaml."""

    config: Mapping[str, Any]
    mqtt: dict[str, Any] | None = None
    addons: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Paths that are answered with this status and body, whoever asks."""
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        supervisor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                supervisor.asked.append(self.path)
                status, body = supervisor.answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Status and body for one request."""
        if path in self.broken:
            return self.broken[path]
        if not authorization:
            return 401, b"401: Unauthorized"
        if authorization != f"Bearer {TOKEN}" or not self._may(path):
            return 403, b"403: Forbidden"
        if path == "/services/mqtt":
            return self._service()
        if found := re.fullmatch(r"/addons/(.+)/info", path):
            addon = self.addons.get(found[1])
            return (200, _ok(addon)) if addon is not None else (404, _error(f"App {found[1]} does not exist"))
        return 404, b"404: Not Found"

    def _may(self, path: str) -> bool:
        if _EVERY.fullmatch(path):
            return True
        assert self.config.get("hassio_role", "default") == "default"
        return self.config.get("hassio_api") is True and _DEFAULT.fullmatch(path) is not None

    def _service(self) -> tuple[int, bytes]:
        if not {"mqtt:want", "mqtt:need"} & {*self.config.get("services", [])}:
            return 403, _error("No access to mqtt service!")
        return (200, _ok(self.mqtt)) if self.mqtt is not None else (400, _error("Service not enabled"))


def _ok(data: object) -> bytes:
    return json.dumps({"result": "ok", "data": data}).encode()


def _error(message: str) -> bytes:
    return json.dumps({"result": "error", "message": message}).encode()
