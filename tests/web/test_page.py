"""The page in a real Chromium: what a person sees and does."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from evcc_simulator import Evcc
from tests.bench.page import TOPIC, delays, until
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.ports import free_port
from tests.site.running import running, settings
from tests.web.serving import proxied, serving, serving_sites

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [pytest.mark.client, pytest.mark.asyncio(loop_scope="module")]

Open = Callable[..., Awaitable["Page"]]
VIEWS = ["overview", "topics", "commands", "log", "exports"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
QUICK = 0.2  # seconds from a change to the page
BUSY = 5  # other programs run on a machine that tests


async def text_of(page: "Page", selector: str) -> str:
    return str(await page.locator(selector).first.inner_text())


class TestChanges:
    async def test_a_change_is_there_at_once(self, open_page: Open) -> None:
        async with serving() as (house, url):
            house.site.mirror.tree.set("x", {TOPIC: b"t0"})
            page = await open_page(f"{url}/#topics:evcc/{TOPIC}")
            assert median(await delays(page, house, 15)) < QUICK * BUSY

    async def test_it_flashes(self, open_page: Open) -> None:
        async with serving() as (house, url):
            house.site.mirror.tree.set("x", {"site/aaa": b"1"})
            page = await open_page(f"{url}/#topics:evcc/site/aaa")
            await page.locator(".row[aria-selected=true]").wait_for()
            assert not await page.locator(".row.flash").count()
            house.site.mirror.tree.set("x", {"site/aaa": b"2"})
            await page.locator(".row.flash[aria-selected=true]").wait_for()

    async def test_what_comes_and_goes(self, open_page: Open) -> None:
        async with serving() as (house, url):
            page = await open_page(f"{url}/#topics")
            await page.fill("input[type=search]", "brandNew")
            house.site.mirror.tree.set("x", {"site/brandNew": b"1"})
            await page.locator(".row").wait_for()
            house.site.mirror.tree.set("x", {})
            await page.locator(".row").wait_for(state="detached")


class TestOverview:
    async def test_the_house_in_one_picture(self, open_page: Open) -> None:
        async with serving() as (house, url):
            house.site.mirror.tree.set("x", {})
            page = await open_page(url)
            label = await page.locator(".picture svg").get_attribute("aria-label")
            for part in ("Grid", "Solar", "Battery", "Home", "Charging"):
                assert part in (label or "")
            titles = await page.locator(".point h3").all_inner_texts()
            expected = [
                house.site.mirror.tree.topics[f"loadpoints/{n}/title"].decode() for n in range(1, len(titles) + 1)
            ]
            assert titles == expected
            assert len(titles) == int(house.site.mirror.tree.topics["loadpoints"])

    async def test_connections_and_the_problem(self, open_page: Open) -> None:
        async with serving() as (house, url):
            page = await open_page(url)
            await page.get_by_text("not connected").wait_for()
            house.site.diagnostics.set("broker", "the broker refuses the login")
            await page.get_by_text("the broker refuses the login (since ").wait_for()
            house.site.mirror.connected = True
            await page.get_by_text("connected", exact=True).first.wait_for()

    async def test_borrowed_settings(self, open_page: Open) -> None:
        entry = {"topic": "loadpoints/1/maxCurrent", "value": 16, "before": 10, "for": 900, "until": time.time() + 900}
        async with serving() as (house, url):
            page = await open_page(url)
            await page.locator(".picture svg").wait_for()
            assert not await page.get_by_text("Borrowed settings").is_visible()
            house.site.mirror.tree.set("x", {"bridge/leases": json.dumps([entry]).encode()})
            link = page.get_by_role("link", name="loadpoints/1/maxCurrent")
            await link.wait_for()
            assert re.search(r"maxCurrent 16 until .*, then 10$", await text_of(page, ".borrowed li"))
            await link.click()
            await page.locator(".detail").get_by_text("Borrowed settings: 16 until").wait_for()
            house.site.mirror.tree.set("x", {})
            await page.locator(".detail").get_by_text("Borrowed settings").wait_for(state="detached")

    async def test_before_evcc_has_answered(self, open_page: Open) -> None:
        async with serving(release=None) as (_, url):
            page = await open_page(url)
            await page.get_by_text("evcc has not answered yet").wait_for()

    async def test_the_bridge_is_gone_and_comes_back(self, open_page: Open) -> None:
        port = free_port()
        async with serving(port=port) as (_, url):
            page = await open_page(url)
            await page.locator(".picture svg").wait_for()
        await page.get_by_text("No connection to the bridge").wait_for()
        async with serving(port=port):
            await page.get_by_text("No connection to the bridge").wait_for(state="detached", timeout=30_000)

    async def test_a_title_with_markup_is_text(self, open_page: Open) -> None:
        title = '<img src=x onerror="document.title=1">&amp;<script>alert(1)</script>'
        async with serving(release=None) as (house, url):
            rows = {"loadpoints": b"1", "loadpoints/1/title": title.encode(), "site/siteTitle": title.encode()}
            house.site.mirror.tree.set("x", rows)
            page = await open_page(url)
            await page.locator(".point h3").wait_for()
            assert await text_of(page, ".point h3") == title
            assert await text_of(page, ".house h2") == title
            await page.goto(f"{url}/#topics:evcc/loadpoints/1/title")
            await page.locator(".detail h2").wait_for()
            assert await page.locator("main img, main script").count() == 0


class TestTopics:
    async def test_search(self, open_page: Open) -> None:
        async with serving() as (house, url):
            page = await open_page(f"{url}/#topics")
            await page.fill("input[type=search]", "loadpoints/1 charge power")
            await page.locator(".row").first.wait_for()
            assert "evcc/loadpoints/1/chargePower" in await page.locator(".row .mono").all_inner_texts()
            assert not [text for text in await page.locator(".row .mono").all_inner_texts() if "loadpoints/2" in text]
            await page.fill("input[type=search]", "nothing like that")
            assert await page.locator(".row").count() == 0
            await page.fill("input[type=search]", "")
            await page.get_by_label("settable only").check()
            count = (await text_of(page, ".tools [role=status]")).split()[0]
            settable = [row for row in house.view.topics["evcc"].rows().values() if row["set"]]
            assert int(count) == len(settable)

    async def test_a_link_to_a_topic_with_a_percent_sign(self, open_page: Open) -> None:
        topic = "vehicles/a%2Fb/limitSoc"
        entry = {"topic": topic, "value": 80, "before": 0, "for": 900, "until": time.time() + 900}
        async with serving() as (house, url):
            rows = {topic: b"80", "bridge/leases": json.dumps([entry]).encode(), "site/100%": b"1"}
            house.site.mirror.tree.set("x", rows)
            page = await open_page(url)
            await page.get_by_role("link", name="a%2Fb").click()
            await page.locator(".row[aria-selected=true]").get_by_text("evcc/vehicles/a%2Fb/limitSoc").wait_for()
            await page.goto(f"{url}/#topics:evcc/site/100%")
            await page.locator(".row[aria-selected=true]").get_by_text("evcc/site/100%").wait_for()

    async def test_by_keyboard_alone(self, open_page: Open) -> None:
        async with serving() as (_, url):
            page = await open_page(url)
            await page.locator(".picture svg").wait_for()
            await page.keyboard.press("/")
            await until(page, "document.activeElement.type === 'search'")
            await page.keyboard.type("limitSoc")
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("Enter")
            await page.locator(".detail h2").wait_for()
            assert "limitsoc" in (await text_of(page, ".detail code")).lower()
            await page.keyboard.press("Escape")
            await page.locator(".detail h2").wait_for(state="detached")
            assert await page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
            for number, view in enumerate(VIEWS, start=1):
                await page.keyboard.press(str(number))
                await until(page, f"location.hash === '#{view}'")

    async def test_5000_topics_stay_smooth(self, open_page: Open) -> None:
        async with serving() as (house, url):
            topics = {f"site/many/{number}/value": b"%d" % number for number in range(5000)}
            house.site.mirror.tree.set("x", topics)
            page = await open_page(f"{url}/#topics")
            await until(page, "document.querySelector('.tools [role=status]')?.textContent.includes('5')")
            assert await page.locator(".row").count() < 100
            spent = await page.evaluate("""async () => {
                const search = document.querySelector('input[type=search]');
                const list = document.querySelector('.list');
                const frame = () => new Promise(requestAnimationFrame);
                const times = [];
                for (const text of ['m', 'ma', 'many 4', 'many 49', '']) {
                    const began = performance.now();
                    search.value = text;
                    search.dispatchEvent(new Event('input'));
                    times.push(performance.now() - began);
                    await frame();
                }
                for (let top = 0; top < 200000; top += 20000) {
                    const began = performance.now();
                    list.scrollTop = top;
                    await frame();
                    times.push(performance.now() - began);
                }
                return times.sort((one, other) => one - other);
            }""")
            print(f"5,000 topics: median {spent[7]:.0f} ms, worst {spent[-1]:.0f} ms")  # noqa: T201
            assert spent[7] < 50 * BUSY
            house.site.mirror.tree.set("x", {**topics, "site/many/4999/value": b"changed"})
            await page.fill("input[type=search]", "many/4999")
            await page.get_by_text("changed", exact=True).first.wait_for()

    async def test_a_snippet_for_every_program(self, open_page: Open) -> None:
        async with serving() as (_, url):
            page = await open_page(f"{url}/#topics:evcc/loadpoints/1/limitSoc")
            chosen = page.locator(".detail select")
            await chosen.wait_for()
            programs = await chosen.locator("option").all_inner_texts()
            assert programs == ["mosquitto", "Node-RED", "openHAB", "Home Assistant", "Python"]
            for program in programs:
                await chosen.select_option(program)
                code = await text_of(page, ".detail pre >> nth=1")
                assert "evcc/loadpoints/1/limitSoc" in code
                assert "evcc/loadpoints/1/limitSoc/set" in code
                assert "S3CR3T" not in code

    async def test_nothing_can_be_set_unless_it_is_allowed(self, open_page: Open) -> None:
        async with serving() as (_, url):
            page = await open_page(f"{url}/#topics:evcc/loadpoints/1/mode")
            await page.get_by_text("web.write must be true").wait_for()
            assert await page.locator("form.set").count() == 0


@pytest.mark.broker
class TestSet:
    async def test_a_value_is_set_and_its_answer_shown(
        self, open_page: Open, start_broker: Callable[[Config], Awaitable[Mosquitto]]
    ) -> None:
        port = free_port()
        broker = await start_broker(Config(store=False))
        async with Evcc(interval=1, still=True) as evcc:
            options = settings(evcc, broker, web={"listen": f"127.0.0.1:{port}", "write": True})
            async with running(options) as site, serving_sites(options.web, {"evcc": site}) as url:
                page = await open_page(f"{url}/#topics:evcc/loadpoints/1/limitSoc")
                await page.locator("form.set input").fill("70")
                await page.locator("form.set button.primary").click()
                await page.get_by_text("POST /api/loadpoints/1/limitsoc/70").wait_for()
                assert (await text_of(page, "form.set output")).startswith("ok")
                await until(page, "document.querySelector('.row[aria-selected=true] .value')?.textContent === '70 %'")
                await page.goto(f"{url}/#overview")
                card = page.locator(".point").first
                await card.locator("select").select_option("now")
                await card.get_by_role("button", name="Set").click()
                await card.get_by_text("mode/now").wait_for()
                await page.goto(f"{url}/#commands")
                await page.locator("tbody tr").nth(1).wait_for()
                texts = await page.locator("tbody tr").all_inner_texts()
                assert "loadpoints/1/mode" in texts[0]
                assert "page" in texts[0]
                assert "loadpoints/1/limitSoc" in texts[1]

    async def test_what_evcc_refuses(
        self, open_page: Open, start_broker: Callable[[Config], Awaitable[Mosquitto]]
    ) -> None:
        port = free_port()
        broker = await start_broker(Config(store=False))
        async with Evcc(interval=1, still=True) as evcc:
            options = settings(evcc, broker, web={"listen": f"127.0.0.1:{port}", "write": True})
            async with running(options) as site, serving_sites(options.web, {"evcc": site}) as url:
                page = await open_page(f"{url}/#topics:evcc/vehicles/{next(iter(site.reader.state.vehicles))}/planSoc")
                await page.goto(f"{url}/#topics:evcc/site/residualPower")
                await page.locator("form.set input").fill("1e300")
                await page.locator("form.set button.primary").click()
                await page.locator("form.set output.bad").wait_for()
                assert (await text_of(page, "form.set output")).startswith("refused")

    async def test_several_sites(self, open_page: Open, start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> None:
        broker = await start_broker(Config(store=False))
        web = {"listen": f"127.0.0.1:{free_port()}", "write": True}
        async with Evcc(interval=1, still=True) as home, Evcc(interval=1, still=True, loadpoints=1) as cabin:
            first = settings(home, broker, mqtt={"root": "evcc/home"}, web=web)
            second = settings(cabin, broker, mqtt={"root": "evcc/cabin"})
            async with (
                running(first) as one,
                running(second) as other,
                serving_sites(first.web, {"home": one, "cabin": other}, {"barn": "evcc.url: no such host"}) as url,
            ):
                page = await open_page(url)
                await page.get_by_text("barn: evcc.url: no such host").wait_for()
                assert [await house.get_attribute("aria-label") for house in await page.locator(".house").all()] == [
                    "home",
                    "cabin",
                    "barn",
                ]
                await until(page, "document.querySelectorAll('[aria-label=cabin] .point').length === 1")
                assert await page.locator("[aria-label=home] .point").count() == len(one.reader.state.loadpoints)
                await page.goto(f"{url}/#topics")
                await page.fill("input[type=search]", "cabin loadpoints/1/limitSoc")
                await page.locator(".row").click()
                await page.locator("form.set input").fill("70")
                await page.locator("form.set button.primary").click()
                await until(page, "document.querySelector('.row[aria-selected=true] .value')?.textContent === '70 %'")
                assert [request.path for request in cabin.requests.matching("POST")] == [
                    "/api/loadpoints/1/limitsoc/70"
                ]
                assert home.requests.matching("POST") == []
                await page.goto(f"{url}/#commands")
                await page.get_by_text("evcc/cabin/loadpoints/1/limitSoc").wait_for()


class TestEveryone:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
    async def test_axe_finds_nothing(self, open_page: Open, axe: str, scheme: str, size: dict[str, Any]) -> None:
        async with serving(write=True) as (house, url):
            house.lines.add("warning", {"event": "something", "reason": "other"})
            page = await open_page(url, color_scheme=scheme, bypass_csp=True, **size)
            await page.evaluate(axe)
            await page.evaluate("fetch('api/set', {method: 'POST', headers: {'Content-Type': 'application/json'}, "
                                "body: JSON.stringify({topic: 'evcc/site/nothing', value: 1})})")  # fmt: skip
            for view in (*VIEWS, "topics:evcc/loadpoints/1/mode", "topics:evcc/vehicles/ev1/planSoc"):
                await page.goto(f"{url}/#{view}")
                await page.wait_for_timeout(150)
                found = await page.evaluate("axe.run().then((result) => result.violations)")
                assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == [], view

    async def test_axe_finds_nothing_at_the_login(self, open_page: Open, axe: str) -> None:
        async with serving(token="a-long-token") as (_, url):
            page = await open_page(url, bypass_csp=True)
            await page.evaluate(axe)
            found = await page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))")
            assert found == []

    async def test_german(self, open_page: Open) -> None:
        async with serving(write=True) as (_, url):
            page = await open_page(f"{url}/#topics", locale="de-DE")
            assert await page.evaluate("document.documentElement.lang") == "de"
            await page.get_by_text("Übersicht").wait_for()
            await page.fill("input[type=search]", "ladeleistung")
            await page.locator(".row").first.wait_for()
            assert "evcc/loadpoints/1/chargePower" in await page.locator(".row .mono").all_inner_texts()
            await page.fill("input[type=search]", "loadpoints/1 ladelimit")
            await page.locator(".row").first.click()
            detail = await text_of(page, ".detail")
            assert "Hier endet das Laden, in diesem Ladevorgang." in detail
            assert "0: das Limit des Fahrzeugs." in detail
            assert "0 bis 100 %, ganz" in detail
            await page.locator("header select").first.select_option("en")
            await page.get_by_text("Overview").wait_for()

    async def test_on_a_phone_nothing_is_wider_than_the_screen(self, open_page: Open) -> None:
        async with serving(write=True) as (_, url):
            page = await open_page(url, **PHONE)
            await page.locator(".picture svg").wait_for()
            for view in VIEWS:
                await page.goto(f"{url}/#{view}")
                await page.wait_for_timeout(200)
                assert await page.evaluate("document.documentElement.scrollWidth") <= 390, view

    async def test_dark_by_choice(self, open_page: Open) -> None:
        async with serving() as (_, url):
            page = await open_page(url, color_scheme="light")
            background = "getComputedStyle(document.body).backgroundColor"
            light = await page.evaluate(background)
            await page.locator("header select").nth(1).select_option("dark")
            assert await page.evaluate(background) != light
            await page.reload()
            assert await page.evaluate(background) != light


class TestAccess:
    @pytest.mark.parametrize("header", ["X-Forwarded-Prefix", "X-Ingress-Path", "X-Nothing"])
    async def test_behind_a_proxy_with_a_prefix(self, open_page: Open, header: str) -> None:
        prefix = "/api/hassio_ingress/abc-123"
        async with serving(token="a-long-token") as (house, url), proxied(url, prefix, {header: prefix}) as there:
            page = await open_page(there)
            await page.fill("#token", "a-long-token")
            await page.get_by_role("button").click()
            await page.locator(".picture svg").wait_for()
            assert page.url == there
            house.site.mirror.tree.set("x", {"site/aaa": b"1"})
            await page.goto(f"{there}#topics:evcc/site/aaa")
            await page.locator(".row[aria-selected=true]").wait_for()
            await page.goto(f"{there}#exports")
            await page.get_by_role("link", name="flows.json").first.wait_for()
            async with page.expect_download() as download:
                await page.get_by_role("link", name="flows.json").first.click()
            assert (await (await download.value).path()).stat().st_size > 1000

    async def test_a_wrong_token(self, open_page: Open) -> None:
        async with serving(token="a-long-token") as (_, url):
            page = await open_page(url)
            await page.fill("#token", "another-token")
            await page.get_by_role("button").click()
            await page.wait_for_load_state()
            assert await page.locator("#token").count() == 1


async def test_the_log_follows(open_page: Open) -> None:
    async with serving() as (house, url):
        page = await open_page(f"{url}/#log")
        for number in range(300):
            house.lines.add("info", {"event": "line", "number": number})
        await page.get_by_text("number=299").wait_for()  # once
        await asyncio.sleep(0.1)
        assert await page.evaluate("(([one]) => one.scrollTop + one.clientHeight > one.scrollHeight - 60)"
                                   "([document.querySelector('.table')])")  # fmt: skip
        await page.locator("header nav a").first.click()
        await page.locator(".picture svg").wait_for()
