"""Take the pictures of docs/ from the real programs: `python -m tests.clients.pictures`."""

import asyncio
import json
import tempfile
from pathlib import Path

from bridge.state.document import from_document
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.clients import programs
from tests.clients.browser import Browser
from tests.clients.home_assistant import HomeAssistant
from tests.clients.house import House
from tests.clients.node_red import NodeRed
from tests.export.exported import exported

DOCS = Path(__file__).resolve().parents[2] / "docs/pictures"
NOON = 1795692000  # the sun shines in the simulated house
FLOWS = [
    ("flows.json", "evcc: Carport + Süd", "node-red.png"),
    ("example-charge-when-cheap.json", "evcc: charge when cheap", "node-red-example.png"),
]


async def main() -> None:
    """Take all pictures of a house where something happens."""
    pictures: dict[str, bytes] = {}
    # not in /tmp, which may be small: Chromium's profile is not
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        directory = Path(name)
        async with (
            Mosquitto(directory / "mosquitto", Config(websockets=True)) as broker,
            Recorder(broker) as recorder,
            House(broker, recorder, directory, start=NOON) as house,
            Browser(directory) as browser,
        ):
            pictures |= await node_red(house, browser, directory)
            pictures |= await home_assistant(house, browser, directory)
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (DOCS / name).write_bytes(picture)


async def node_red(house: House, browser: Browser, directory: Path) -> dict[str, bytes]:
    """The flow of a loadpoint in the editor, an example, and the dashboard."""
    files = exported("nodered", from_document(house.evcc.state), url=house.broker.url)
    async with NodeRed(programs.node_modules(), directory / "node-red") as red:
        pictures = {picture: await editor(red, browser, files[name], tab) for name, tab, picture in FLOWS}
        await red.deploy(json.loads(files["dashboard.json"]))
        for _ in range(2):  # the first time, it tells that it could be an app
            await browser.open(f"{red.url}/dashboard/evcc")
            await browser.until("document.querySelectorAll('.nrdb-ui-widget').length > 20")
            pictures["node-red-dashboard.png"] = await browser.picture(settle=5)
        await browser.resize(400, 900)
        pictures["node-red-phone.png"] = await browser.picture()
        await browser.resize(1280, 900)
        return pictures


async def editor(red: NodeRed, browser: Browser, flows: str, tab: str) -> bytes:
    """A tab in the editor, with its sidebars closed."""
    await red.deploy(json.loads(flows))
    await browser.open(red.url)
    await browser.until("window.RED?.workspaces?.count() && RED.nodes.filterNodes({}).length")
    labelled = f"RED.nodes.getWorkspaceOrder().find((id) => RED.nodes.workspace(id).label === {json.dumps(tab)})"
    await browser.run(f"RED.workspaces.show({labelled})")
    for part in ("sidebar", "palette"):
        closed = f"document.querySelector('.red-ui-{part}-closed')"
        await browser.run(f"{closed} || RED.actions.invoke('core:toggle-{part}')")
    return await browser.picture()


async def home_assistant(house: House, browser: Browser, directory: Path) -> dict[str, bytes]:
    """The overview that Home Assistant makes by itself, and the page of a loadpoint."""
    async with HomeAssistant(programs.home_assistant(), directory / "home-assistant", house.broker) as found:
        await found.finish_onboarding()
        await browser.open(f"{found.url}/manifest.json")
        await browser.until("location.pathname === '/manifest.json'")
        await browser.run(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(found.tokens()))})")
        hass = "document.querySelector('home-assistant')?.hass"
        pictures = {}
        for _ in range(2):  # the first time, the dashboard grows under one's eyes
            await browser.open(found.url)
            await browser.until(f"Object.keys({hass}?.states ?? {{}}).length > 80")
            pictures["home-assistant.png"] = await browser.picture(settle=6)
        device = await browser.run(f"Object.values({hass}.devices).find((one) => one.name === 'Carport + Süd').id")
        await browser.open(f"{found.url}/config/devices/device/{device}")
        return pictures | {"home-assistant-loadpoint.png": await browser.picture(settle=8)}


if __name__ == "__main__":
    asyncio.run(main())
