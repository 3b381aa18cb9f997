"""Home Assistant, set up by files, and driven through its REST API."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import websockets

from tests.broker.mosquitto import HOST, Mosquitto
from tests.broker.ports import free_port
from tests.clients.process import Process
from tests.patience import PATIENCE

_START = 3 * PATIENCE
_PAUSE = 0.3
_CONFIGURATION = """
homeassistant:
  name: Test
  time_zone: Europe/Berlin
  unit_system: metric
  latitude: 52.5
  longitude: 13.4
  elevation: 30
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
frontend:
lovelace:
mqtt:
recorder:
energy:
"""
_TIME = "2025-04-01T00:00:00+00:00"


def _entry(broker: Mosquitto) -> dict[str, Any]:
    """The integration MQTT, as its dialogue would have stored it."""
    data = {
        "broker": HOST,
        "port": broker.port,
        "protocol": "5",
        "discovery": True,
        "discovery_prefix": "homeassistant",
    }
    return {
        "created_at": _TIME, "modified_at": _TIME, "data": data, "disabled_by": None, "discovery_keys": {},
        "domain": "mqtt", "entry_id": "01JQEVCC0000000000000000MQ", "minor_version": 2, "options": {},
        "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user", "subentries": [],
        "title": "broker", "unique_id": None, "version": 1,
    }  # fmt: skip


class HomeAssistant:
    """A Home Assistant with a directory of its own that listens to `broker`."""

    def __init__(self, python: Path, directory: Path, broker: Mosquitto) -> None:
        (directory / ".storage").mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (directory / "configuration.yaml").write_text(_CONFIGURATION.format(port=self.port))
        entries = {
            "version": 1,
            "minor_version": 5,
            "key": "core.config_entries",
            "data": {"entries": [_entry(broker)]},
        }
        (directory / ".storage/core.config_entries").write_text(json.dumps(entries))
        command = [str(python), "-m", "homeassistant", "-c", str(directory), "--skip-pip", "--log-no-color"]
        self.process = Process(command, directory / "output.log", {"PYTHONWARNINGS": "ignore"})
        self._http = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE)

    async def __aenter__(self) -> Self:
        await self.process.start()
        await self._until_started()
        await self._log_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        await self.process.stop()

    async def states(self) -> dict[str, dict[str, Any]]:
        """Every entity of now by its id."""
        reply = await self._http.get("/api/states")
        return {entity["entity_id"]: entity for entity in reply.json()}

    async def state(self, entity: str) -> str | None:
        """The state of an entity; None where there is no such entity."""
        found = (await self.states()).get(entity)
        return found["state"] if found else None

    async def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service such as `number.set_value`."""
        reply = await self._http.post(f"/api/services/{service.replace('.', '/')}", json={"entity_id": entity, **data})
        assert reply.is_success, reply.text

    async def ask(self, *messages: dict[str, Any]) -> Any:
        """What its WebSocket API answers to the last of these messages."""
        url = f"ws://127.0.0.1:{self.port}/api/websocket"
        async with websockets.connect(url, max_size=None) as socket:
            await socket.recv()
            await socket.send(json.dumps({"type": "auth", "access_token": self.login["access_token"]}))
            await socket.recv()
            answer: dict[str, Any] = {}
            for number, message in enumerate(messages, start=1):
                await socket.send(json.dumps({"id": number, **message}))
                answer = json.loads(await socket.recv())
                assert answer["success"], answer
            return answer["result"]

    async def until(self, entity: str, wanted: Callable[[str | None], object], wait: float = PATIENCE) -> None:
        """Wait until an entity's state is wanted."""
        state: str | None = None
        try:
            async with asyncio.timeout(wait):
                while not wanted(state := await self.state(entity)):  # noqa: ASYNC110  REST has no events
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise AssertionError(f"{entity} is {state!r} after {wait} s:\n{self.process.log[-3000:]}") from None

    async def finish_onboarding(self) -> None:
        """Answer the rest of its first questions, so that it shows its pages."""
        client = {"client_id": f"{self.url}/", "redirect_uri": f"{self.url}/"}
        for step, answer in {"core_config": {}, "analytics": {}, "integration": client}.items():
            reply = await self._http.post(f"/api/onboarding/{step}", json=answer)
            assert reply.is_success, reply.text

    def tokens(self) -> dict[str, Any]:
        """What a browser keeps in `hassTokens` when it is logged in."""
        return self.login | {"hassUrl": self.url, "clientId": f"{self.url}/", "expires": 4_000_000_000_000}

    def complaints(self) -> list[str]:
        """Lines of its log that find fault with what comes by MQTT."""
        lines = self.process.log.splitlines()
        return [line for line in lines if ("WARNING" in line or "ERROR" in line) and "mqtt" in line.lower()]

    async def _until_started(self) -> None:
        async with asyncio.timeout(_START):
            while True:
                try:
                    reply = await self._http.get("/api/onboarding")
                except httpx.TransportError:
                    await asyncio.sleep(_PAUSE)
                    continue
                if reply.is_success:
                    return
                await asyncio.sleep(_PAUSE)

    async def _log_in(self) -> None:
        user = {"name": "Test", "username": "test", "password": "test-password", "language": "en"}
        client = f"{self.url}/"
        created = await self._http.post("/api/onboarding/users", json={"client_id": client, **user})
        code = created.json()["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        self.login: dict[str, Any] = (await self._http.post("/auth/token", data=form)).json()
        self._http.headers["Authorization"] = f"Bearer {self.login['access_token']}"
