"""The paths of the API, on the topics of a recorded evcc."""

import gzip
import json

import pytest

from bridge.web.api import EXPORTS
from bridge.web.assets import assets
from tests.web.house import OLD, House

MOST = 60_000  # bytes of the page, compressed


class TestTopics:
    async def test_a_row_has_what_the_page_shows(self) -> None:
        async with House().client() as http:
            rows = (await http.get("/api/topics")).json()
        row = rows["evcc/loadpoints/1/chargePower"]
        assert row["unit"] == "W"
        assert row["title"] == "Charge power"
        assert row["set"] is row["alias_of"] is None
        assert isinstance(row["changed"], float)
        assert rows["evcc/loadpoints/1/mode"]["set"] == "evcc/loadpoints/1/mode/set"
        assert rows["evcc/site/tariffGrid"]["unit"] == "EUR/kWh"

    async def test_every_topic_is_there_with_its_payload(self) -> None:
        house = House()
        async with house.client() as http:
            rows = (await http.get("/api/topics")).json()
        expected = {f"evcc/{topic}": payload.decode() for topic, payload in house.site.mirror.tree.topics.items()}
        assert {topic: row["value"] for topic, row in rows.items()} == expected

    async def test_names_of_other_releases(self) -> None:
        async with House().client() as http:
            rows = (await http.get("/api/topics")).json()
        assert rows["evcc/site/gridPower"]["alias_of"] == "evcc/site/grid/power"
        assert rows["evcc/site/grid/power"]["alias_of"] is None
        assert rows["evcc/loadpoints/1/chargeCurrent"]["alias_of"] == "evcc/loadpoints/1/offeredCurrent"

    async def test_an_old_evcc_has_the_old_names(self) -> None:
        async with House(OLD).client() as http:
            rows = (await http.get("/api/topics")).json()
        assert rows["evcc/site/grid/power"]["alias_of"] == "evcc/site/gridPower"
        assert rows["evcc/site/gridPower"]["alias_of"] is None

    async def test_a_prefix(self) -> None:
        async with House().client() as http:
            rows = (await http.get("/api/topics", params={"prefix": "vehicles/"})).json()
            assert rows
            assert all(topic.startswith("evcc/vehicles/") for topic in rows)

    async def test_what_changed_and_what_is_gone(self) -> None:
        house = House()
        table = house.view.topics["evcc"]
        table.refresh()
        house.site.mirror.tree.set("x", {"site/one": b"1"})
        assert table.refresh().keys() == {"evcc/site/one", "evcc/bridge/published"}
        house.site.mirror.tree.set("x", {"site/one": b"2"})
        assert table.refresh()["evcc/site/one"]["value"] == "2"
        house.site.mirror.tree.set("x", {})
        assert table.refresh() == {"evcc/site/one": None}
        assert table.refresh() == {}

    async def test_a_title_with_markup_is_text(self) -> None:
        house = House(None)
        house.site.mirror.tree.set("x", {"loadpoints/1/title": b"<script>alert(1)</script>"})
        async with house.client() as http:
            response = await http.get("/api/topics")
        assert response.headers["content-type"] == "application/json"
        assert response.json()["evcc/loadpoints/1/title"]["value"] == "<script>alert(1)</script>"


async def test_health() -> None:
    async with House().client() as http:
        health = (await http.get("/api/health")).json()["evcc"]
    assert health["broker"] is False
    assert health["since"].keys() == {"evcc", "push", "broker", "problem"}
    assert health["addresses"] == {"evcc": "localhost:7070", "broker": "box:1883"}
    assert health["counters"]["polls"] == 0


async def test_no_site_of_that_name() -> None:
    async with House().client() as http:
        for path in ("topics", "journal", "health", "exports"):
            assert (await http.get(f"/api/{path}", params={"site": "other"})).status_code == 404
            assert (await http.get(f"/api/{path}", params={"site": "evcc"})).status_code == 200


async def test_ready_only_while_the_status_is_online() -> None:
    house = House()
    async with house.client() as http:
        response = await http.get("/readyz")
        assert (response.status_code, response.text) == (503, "evcc: evcc is starting, the broker is not connected\n")
        house.site.mirror.connected = True
        house.site.mirror.set_fresh(True)
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.get("/healthz")).text == "ok\n"


async def test_log_lines_are_the_last_500() -> None:
    house = House()
    for number in range(600):
        house.lines.add("info", {"event": "line", "number": number, "level": "info"})
    async with house.client() as http:
        lines = (await http.get("/api/log")).json()
    assert len(lines) == 500
    assert lines[-1][1:] == ["info", "line number=599"]


class TestExports:
    async def test_every_file_can_be_loaded(self) -> None:
        async with House().client() as http:
            found = (await http.get("/api/exports")).json()
            assert found.keys() == set(EXPORTS)
            for target, files in found.items():
                assert files
                for path, size in files.items():
                    response = await http.get(f"/api/exports/{target}/{path}")
                    assert len(response.content) == size
                    assert response.headers["content-disposition"].startswith("attachment")

    @pytest.mark.parametrize("path", ["openhab/none", "none/none", "openhab/../../../etc/passwd"])
    async def test_no_other_file(self, path: str) -> None:
        async with House().client() as http:
            assert (await http.get(f"/api/exports/{path}")).status_code == 404

    async def test_none_before_evcc_has_answered(self) -> None:
        async with House(None).client() as http:
            assert (await http.get("/api/exports")).json() == {target: {} for target in EXPORTS}


class TestSet:
    async def test_only_where_it_is_allowed(self) -> None:
        async with House().client() as http:
            response = await http.post("/api/set", json={"topic": "evcc/site/bufferSoc", "value": 80})
        assert response.status_code == 403
        assert "web.write" in response.json()["error"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"\xff", 400),
            (b"[]", 400),
            (b"[" * 100_000, 400),
            (b'{"topic": 1, "value": 1}', 400),
            (b'{"topic": "a"}', 400),
            (b'{"topic": "a", "value": ""}', 400),
            (b'{"topic": "", "value": 1}', 400),
            (b'{"topic": "evcc/\\u0000/x", "value": 1}', 400),
            (b'{"topic": "evcc/\\ufdd0/set", "value": 1}', 400),
            (b'{"topic": "evcc/loadpoints/+/mode/set", "value": 1}', 400),
            (b'{"topic": "evcc' + b"/a" * 300 + b'", "value": 1}', 400),
            (b'{"topic": "a", "value": "' + b"x" * 200_000 + b'"}', 413),
        ],
    )
    async def test_what_is_no_command(self, body: bytes, status: int) -> None:
        async with House(write=True).client() as http:
            response = await http.post("/api/set", content=body, headers={"content-type": "application/json"})
        assert response.status_code == status

    async def test_what_is_no_setting_is_refused_and_in_the_journal(self) -> None:
        async with House(write=True).client() as http:
            answer = (await http.post("/api/set", json={"topic": "evcc/site/nothing/set", "value": 80})).json()
            assert answer["status"] == "refused"
            (entry,) = (await http.get("/api/journal")).json()
        assert (entry["topic"], entry["payload"], entry["origin"]) == ("evcc/site/nothing", "80", "page")
        assert entry["status"] == "refused"
        assert entry["site"] == "evcc"


class TestAssets:
    def test_the_whole_page_is_small(self) -> None:
        assert sum(len(asset.compressed) for asset in assets().values()) <= MOST

    async def test_compressed_once_and_not_sent_again(self) -> None:
        async with House().client() as http:
            response = await http.get("/static/app.js", headers={"accept-encoding": "gzip"})
            assert response.headers["content-encoding"] == "gzip"
            again = await http.get("/static/app.js", headers={"if-none-match": response.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            plain = await http.get("/static/app.js", headers={"accept-encoding": "identity"})
        assert plain.text == response.text == gzip.decompress(assets()["app.js"].compressed).decode()

    @pytest.mark.parametrize("name", ["none", "..%2f__init__.py", "__init__.py", "../security.py"])
    async def test_no_other_file(self, name: str) -> None:
        async with House().client() as http:
            assert (await http.get(f"/static/{name}")).status_code == 404

    def test_every_import_is_there(self) -> None:
        files = assets()
        for name, asset in files.items():
            text = gzip.decompress(asset.compressed).decode()
            for line in text.splitlines():
                if line.startswith("import ") and name.endswith(".js"):
                    assert line.rpartition('"./')[2].removesuffix('";') in files


async def test_below_a_prefix_that_the_proxy_has_not_cut_off() -> None:
    async with House().client(**{"x-forwarded-prefix": "/evcc/bridge/"}) as http:
        assert (await http.get("/evcc/bridge/api/health")).status_code == 200
        assert (await http.get("/evcc/bridge/")).status_code == 200


@pytest.mark.parametrize("prefix", ["//attacker.example", "/a b", "javascript:", "/" + "x" * 10 + "\\"])
async def test_a_prefix_that_is_no_path(prefix: str) -> None:
    async with House(token="a-long-token").client(**{"x-ingress-path": prefix}) as http:
        cookie = (await http.post("/login", data={"token": "a-long-token"})).headers["set-cookie"]
    assert "Path=/;" in cookie


def test_the_settings_of_the_page_are_json() -> None:
    house = House()
    commands = json.loads(house.site.mirror.tree.topics["bridge/commands"])
    assert {"topic", "kind", "takes", "meaning"} <= commands[0].keys()
