"""`evcc-bridge topics`."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.cli.topics import run
from bridge.errors import Unreachable
from bridge.settings import Evcc as EvccOptions
from bridge.settings import Mqtt, Settings, Topics
from evcc_simulator import Evcc

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(still=True) as one:
        yield one


async def printed(
    capsys: pytest.CaptureFixture[str], settings: Settings, *, as_json: bool = False, settable: bool = False
) -> str:
    """What the command prints, having ended well."""
    assert await asyncio.to_thread(run, settings, as_json=as_json, settable=settable) == 0
    return capsys.readouterr().out


def at(evcc: Evcc, **sections: Mqtt | Topics) -> Settings:
    return Settings.model_validate({"evcc": EvccOptions(url=evcc.url), **sections})


async def test_one_line_a_topic(evcc: Evcc, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await printed(capsys, at(evcc, mqtt=Mqtt(root="home/evcc")))).splitlines()
    assert "home/evcc/loadpoints/1/title = Carport + Süd" in lines
    assert all(line.startswith("home/evcc/") and " = " in line for line in lines)
    assert lines == sorted(lines, key=lambda line: line.partition(" = ")[0])


async def test_as_json_it_is_the_same(evcc: Evcc, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await printed(capsys, at(evcc))).splitlines()
    topics = json.loads(await printed(capsys, at(evcc), as_json=True))
    assert topics["evcc/loadpoints"] == "3"
    assert len(topics) == len(lines)


async def test_what_is_excluded_is_not_there(evcc: Evcc, capsys: pytest.CaptureFixture[str]) -> None:
    text = await printed(capsys, at(evcc, topics=Topics(exclude=("site/*",))))
    assert "evcc/site/" not in text
    assert "evcc/vehicles/bike/title" in text


async def test_what_can_be_set(evcc: Evcc, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await printed(capsys, at(evcc), settable=True)).splitlines()
    entries = json.loads(await printed(capsys, at(evcc), settable=True, as_json=True))
    assert any(line.startswith("evcc/loadpoints/1/mode/set: ") for line in lines)
    assert [entry["topic"] for entry in entries] == [line.partition(": ")[0] for line in lines]


async def test_a_title_stays_on_its_line(evcc: Evcc, capsys: pytest.CaptureFixture[str]) -> None:
    evcc.house.state["siteTitle"] = "one\ntwo\x1b[2J"
    text = await printed(capsys, at(evcc))
    assert r"evcc/site/siteTitle = one\ntwo\x1b[2J" in text.splitlines()


async def test_without_evcc_it_fails_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unreachable):
        await printed(capsys, Settings(evcc=EvccOptions(url="http://127.0.0.1:1")))


async def test_a_reader_that_has_enough(evcc: Evcc) -> None:
    command = f"set -o pipefail; {sys.executable} -m bridge topics --evcc-url {evcc.url} | head -n 1"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, out.count(b"\n"), err) == (0, 1, b"")
