"""A site whose topics are those of a recorded evcc, without evcc and broker, and the page of it."""

from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from bridge.settings import Settings
from bridge.site import Site
from bridge.state.document import parse
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.util.recent_lines import RecentLines
from bridge.web.api import application
from bridge.web.view import View

RECORDED = Path(__file__).parents[1] / "recordings"
TODAY, OLD = "0.313.2", "0.131.4"
TOKEN = "a-long-token"
REMOTE = "192.168.1.20"
LISTEN = "0.0.0.0:7071"


def settings(**web: Any) -> Settings:
    return Settings.model_validate(
        {"web": {"listen": "127.0.0.1:7071", **web}, "mqtt": {"url": "mqtt://me:S3CR3T@box"}}
    )


class House:
    """A site, its view and its application."""

    def __init__(self, release: str | None = TODAY, **web: Any) -> None:
        self.settings = settings(**web)
        self.site = Site(self.settings)
        self.lines = RecentLines()
        self.view = View({"evcc": self.site}, self.lines, write=self.settings.web.write)
        if release:
            self.take((RECORDED / release / "state.json").read_bytes())

    def take(self, body: bytes) -> None:
        """Take a state of evcc over, as a poll does."""
        state = self.site.reader.state = parse(body)
        self.site.mirror.tree.update(Layout(Selection(), aliases=True).everything(state))
        self.site.report._publish_commands()

    def app(self) -> Starlette:
        return application(self.settings.web, self.view)

    def client(self, address: str = "127.0.0.1", host: str = "localhost:7071", **headers: str) -> httpx.AsyncClient:
        """A client of the application, without a socket, that comes from this address."""
        transport = httpx.ASGITransport(self.app(), client=(address, 4711))
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)
