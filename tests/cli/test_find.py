"""`evcc-bridge check --find`, against simulated evccs, other programs, and a real announcement on this machine."""

import asyncio
import base64
import io
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr
from zeroconf import IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from bridge.cli import find
from bridge.cli.arguments import parse
from bridge.cli.main import main
from bridge.settings import Evcc as Settings
from evcc_simulator import Evcc
from tests.evcc.server import Answer, answer, hang, raw, server

NOBODY = "http://127.0.0.1:1"
LOOPBACK = "127.0.0.1"
STRANGER = answer(body=b'{"name":"openHAB","version":"4"}')


@pytest.fixture(autouse=True)
def _no_mdns(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where zeroconf is not installed: nothing outside this machine is asked."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)


@pytest.fixture
def mdns(monkeypatch: pytest.MonkeyPatch) -> str:
    """zeroconf as it is, with a name that no other test announces at the same time."""
    monkeypatch.undo()
    name = f"evcc-{os.getpid()}._http._tcp.local."
    monkeypatch.setattr(find, "_NAME", name)
    return name


async def found(*addresses: str, configured: Settings | None = None, on: str = LOOPBACK) -> tuple[int, list[str]]:
    """The exit code and the lines that are printed."""
    out = io.StringIO()
    code = await asyncio.to_thread(find.run, configured or Settings(), addresses, [on], out)
    return code, out.getvalue().splitlines()


async def test_evcc_at_a_usual_address() -> None:
    async with Evcc(still=True) as evcc:
        evcc.house.state["siteTitle"] = "Zuhause"
        code, lines = await found(NOBODY, evcc.url)
    assert code == 0
    assert f"ok    evcc 0.313.2 (Zuhause) answers at {evcc.url}, 3 loadpoints" in lines
    assert lines[-1] == f"EVCC_URL={evcc.url}"
    assert not any("127.0.0.1:1" in line for line in lines)


async def test_the_old_era() -> None:
    async with Evcc("0.131.4", still=True) as evcc:
        code, lines = await found(evcc.url)
    assert (code, lines[-1]) == (0, f"EVCC_URL={evcc.url}")


async def test_the_first_address_is_the_one_to_configure() -> None:
    async with Evcc(still=True) as one, Evcc("0.131.4", still=True) as other:
        code, lines = await found(other.url, one.url, other.url)
    assert (code, lines[-1]) == (0, f"EVCC_URL={other.url}")
    assert [line.split()[2] for line in lines if line.startswith("ok")] == ["0.131.4", "0.313.2"]


async def test_evcc_is_nowhere() -> None:
    code, lines = await found(NOBODY, "http://127.0.0.1:2")
    assert code == 1
    assert f"fail  evcc was not found; nothing answers at {NOBODY}, http://127.0.0.1:2" in lines
    assert lines[-1].startswith("next  ")
    assert "--evcc-url" in lines[-1]
    assert not any("EVCC_URL=" in line for line in lines)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (STRANGER, "answers, but is not evcc"),
        (answer(body=b"[]"), "answers, but is not evcc"),
        (answer(body=b""), "answers, but is not evcc"),
        (answer(body=b"<html>", content_type="text/html"), "answers, but is not evcc (HTTP 200)"),
        (answer(302, Location="http://127.0.0.1:1/"), "answers, but is not evcc (HTTP 302)"),
        (answer(body=b"\x1f\x8b", Content_Encoding="gzip"), "answers, but is not evcc"),
        (answer(401, b"{}"), "requires a login"),
        (answer(404, b"404 page not found\n", "text/plain; charset=utf-8"), "answers 404"),
        (answer(502, b"Bad Gateway", "text/plain"), "answers HTTP 502"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n", end="close"), ""),
    ],
)
async def test_another_program_is_not_taken_for_evcc(other: Answer, said: str) -> None:
    async with server(other) as stranger:
        code, lines = await found(stranger.url())
    assert code == 1
    (about,) = [line for line in lines if stranger.url() in line]
    assert about.startswith(f"warn  {stranger.url()} {said}" if said else "fail  ")


async def test_one_address_that_hangs_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_TIMEOUT", 0.3)
    async with server(hang) as silent, Evcc(still=True) as evcc:
        code, lines = await found(silent.url(), evcc.url)
    assert (code, lines[-1]) == (0, f"EVCC_URL={evcc.url}")


async def test_the_configured_address_comes_first_and_alone_is_given_the_login() -> None:
    login = ("anna", "geheim")
    basic = "Basic " + base64.b64encode(b"anna:geheim").decode()
    async with Evcc(still=True, login=login) as evcc, server(STRANGER) as other:
        address = evcc.url.replace("://", "://anna:geheim@")
        code, lines = await found(other.url(), evcc.url, configured=Settings(url=address, api_key=SecretStr("a-key")))
        assert [request.headers.get("authorization") for request in evcc.requests] == [basic]
        assert [request.headers.get("authorization") for request in other.requests] == [None]
    assert (code, lines[-1]) == (0, f"EVCC_URL={evcc.url}")
    assert "geheim" not in "".join(lines)


async def test_without_zeroconf_it_says_how_to_install_it() -> None:
    async with Evcc(still=True) as evcc:
        code, lines = await found(evcc.url)
    assert code == 0
    assert (
        lines[0]
        == "warn  " + "mDNS is not searched, as zeroconf is not installed: pip install 'evcc-mqtt-bridge[find]'"
    )


@pytest.mark.parametrize(
    ("host", "numbers"),
    [
        ("evcc.local.", [LOOPBACK]),
        ("localhost.", []),  # evcc may not know its own numbers
        ("a b$(c).local.", [LOOPBACK]),
    ],
)
async def test_evcc_that_announces_itself(
    mdns: str, monkeypatch: pytest.MonkeyPatch, host: str, numbers: list[str]
) -> None:
    monkeypatch.setattr(find, "_ANNOUNCED", 2000 if numbers else 500)
    async with Evcc(still=True) as evcc, server(STRANGER) as other:
        announced = ServiceInfo(
            "_http._tcp.local.", mdns, port=evcc.port, server=host, properties={"path": "/"}, parsed_addresses=numbers
        )
        zeroconf = AsyncZeroconf([LOOPBACK], ip_version=IPVersion.V4Only)
        try:
            await zeroconf.async_register_service(announced, cooperating_responders=True)
            code, lines = await found(other.url())
        finally:
            await zeroconf.async_close()
    shown = LOOPBACK if numbers else "localhost"
    assert (code, lines[-1]) == (0, f"EVCC_URL=http://{shown}:{evcc.port}")


async def test_nothing_is_announced(mdns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_ANNOUNCED", 200)
    assert (await found(NOBODY))[0] == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # zeroconf leaves its socket open
async def test_mdns_that_cannot_be_searched(mdns: str) -> None:
    async with Evcc(still=True) as evcc:
        code, lines = await found(evcc.url, on="192.0.2.77")  # no address of any machine (RFC 5737)
    assert (code, lines[-1]) == (0, f"EVCC_URL={evcc.url}")
    assert [line for line in lines if line.startswith("warn  mDNS cannot be searched: ")]


def test_the_announcement_is_evccs_own() -> None:
    assert (find._TYPE, find._NAME) == ("_http._tcp.local.", "evcc._http._tcp.local.")


def test_zeroconf_is_imported_only_when_it_is_needed() -> None:
    text = Path(find.__file__).read_text()
    assert re.findall(r"^(?:import|from) zeroconf", text, re.MULTILINE) == []
    assert find_spec("zeroconf") is None  # as this test has it


def test_usual_addresses() -> None:
    addresses = find.usual_addresses()
    assert addresses[:3] == ["http://localhost:7070", "http://evcc:7070", "http://evcc.local:7070"]
    assert len(set(addresses)) == len(addresses)


def test_gateways(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
    little = sys.byteorder == "little"
    gateway = "012018AC" if little else "AC182001"
    default, local = (
        f"eth0\t00000000\t{gateway}\t0003\t0\t0\t0\t00000000\n",
        "eth0\t002018AC\t00000000\t0001\t0\t0\t0\t0\n",
    )
    routes.write_text(head + default + local + default)
    assert find.gateways(routes) == ["172.24.32.1"]
    for broken in (
        "",
        head,
        head + "eth0\n",
        head + default.replace(gateway, "no number"),
        head + default.replace(gateway, "F" * 20),
    ):
        routes.write_text(broken)
        assert find.gateways(routes) == []
    assert find.gateways(tmp_path / "nothing") == []


class TestCommandLine:
    async def test_the_exit_code(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(find, "usual_addresses", lambda: [NOBODY])
        async with Evcc(still=True) as evcc:
            assert await asyncio.to_thread(main, ["check", "--find", "--evcc-url", evcc.url]) == 0
            assert capsys.readouterr().out.endswith(f"EVCC_URL={evcc.url}\n")
        assert await asyncio.to_thread(main, ["check", "--find"]) == 1

    def test_it_is_another_check_than_the_quick_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert parse(["check", "--find"]).find
        with pytest.raises(SystemExit):
            parse(["check", "--find", "--quick"])
        assert "not allowed with" in capsys.readouterr().err
