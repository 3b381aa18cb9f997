"""Who may read and set: addresses, token, host names, pages of others; what a browser is allowed to do with it."""

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.settings import Settings, Web
from bridge.web.security import COOKIE
from tests.web.house import LISTEN, REMOTE, TOKEN, House

READ = ["/api/topics", "/api/journal", "/api/health", "/api/log", "/api/exports", "/metrics"]
OPEN: dict[str, Any] = {"listen": LISTEN, "token": TOKEN}


@pytest.mark.parametrize("options", [{"listen": LISTEN}, {"listen": "[::]:7071", "write": True}])
def test_an_open_address_needs_a_token_or_addresses(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"web\.token"):
        Web(**options)


@pytest.mark.parametrize("more", [{"token": TOKEN}, {"allow": ("172.30.32.2",)}])
def test_an_open_address_with_either(more: dict[str, Any]) -> None:
    assert Web(listen=LISTEN, **more).listen == LISTEN


def test_a_short_token_is_none() -> None:
    with pytest.raises(ValidationError, match="too short"):
        Web.model_validate({"listen": LISTEN, "token": "short"})


def test_the_token_is_a_secret() -> None:
    settings = Settings.model_validate({"web": OPEN})
    assert TOKEN in settings.secrets()
    assert TOKEN not in str(settings.public())


class TestToken:
    @pytest.mark.parametrize("path", READ)
    async def test_nothing_is_read_without_it(self, path: str) -> None:
        async with House(**OPEN).client(REMOTE) as http:
            response = await http.get(path)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
            assert (await http.get(path, headers={"authorization": "Bearer wrong-token"})).status_code == 401
            assert (await http.get(path, headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200

    async def test_nor_from_this_machine(self) -> None:
        async with House(**OPEN).client() as http:
            assert (await http.get("/api/topics")).status_code == 401

    async def test_the_page_is_a_form_without_it(self) -> None:
        async with House(**OPEN).client(REMOTE) as http:
            response = await http.get("/")
        assert response.status_code == 401
        assert 'action="login"' in response.text

    async def test_a_login_sets_a_cookie_that_scripts_and_other_sites_do_not_get(self) -> None:
        async with House(**OPEN).client(REMOTE) as http:
            response = await http.post("/login", data={"token": TOKEN})
            assert (response.status_code, response.headers["location"]) == (303, "./")
            cookie = response.headers["set-cookie"]
            assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
            assert TOKEN not in cookie
            assert (await http.get("/api/topics")).status_code == 200
            assert "app.js" in (await http.get("/")).text
            await http.post("/logout")
            assert (await http.get("/api/topics")).status_code == 401

    async def test_the_cookie_is_for_the_prefix_and_for_https_where_the_proxy_has_it(self) -> None:
        headers = {"x-forwarded-prefix": "/bridge", "x-forwarded-proto": "https"}
        async with House(**OPEN).client(REMOTE, **headers) as http:
            cookie = (await http.post("/login", data={"token": TOKEN})).headers["set-cookie"]
        assert {"Path=/bridge/", "Secure"} <= set(cookie.split("; "))

    async def test_ten_wrong_ones_stop_the_guessing(self) -> None:
        async with House(**OPEN).client(REMOTE) as http:
            statuses = [(await http.post("/login", data={"token": f"wrong{n}"})).status_code for n in range(12)]
            assert statuses[0] == 401
            assert statuses[-1] == 429
            assert (await http.post("/login", data={"token": TOKEN})).status_code == 429

    @pytest.mark.parametrize("cookie", ["", "x", "é", "a" * 64])
    async def test_a_wrong_cookie(self, cookie: str) -> None:
        async with House(**OPEN).client(REMOTE) as http:
            header = f"{COOKIE}={cookie}".encode()
            assert (await http.get("/api/topics", headers=[(b"cookie", header)])).status_code == 401


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "status"), [("172.30.32.2", 200), ("::ffff:172.30.32.2", 200), (REMOTE, 401), ("", 401)]
    )
    async def test_only_those_that_are_allowed(self, address: str, status: int) -> None:
        async with House(listen=LISTEN, allow=["172.30.32.2"]).client(address) as http:
            assert (await http.get("/api/topics")).status_code == status

    async def test_a_forwarded_address_is_not_believed(self) -> None:
        house = House(listen=LISTEN, allow=["172.30.32.2"])
        async with house.client(REMOTE, **{"x-forwarded-for": "172.30.32.2", "x-real-ip": "172.30.32.2"}) as http:
            assert (await http.get("/api/topics")).status_code == 401


class TestHost:
    @pytest.mark.parametrize(
        "host", ["localhost:7071", "127.0.0.1:7071", "[::1]:7071", "pi:7071", "pi.local", "evcc.fritz.box", "10.0.0.5"]
    )
    async def test_addresses_and_local_names(self, host: str) -> None:
        async with House().client() as http:
            assert (await http.get("/api/topics", headers={"host": host})).status_code == 200

    @pytest.mark.parametrize("host", ["attacker.example", "attacker.example:7071", "localhost.attacker.example", ""])
    async def test_a_name_of_a_stranger_that_points_here(self, host: str) -> None:
        async with House().client() as http:
            for path in ("/", "/api/topics", "/metrics"):
                assert (await http.get(path, headers={"host": host})).status_code == 403

    async def test_names_that_are_configured(self) -> None:
        async with House(hosts=["*.house.example"]).client() as http:
            assert (await http.get("/api/topics", headers={"host": "evcc.house.example"})).status_code == 200

    async def test_whoever_has_the_token_comes_by_any_name(self) -> None:
        async with House(**OPEN).client(REMOTE, authorization=f"Bearer {TOKEN}") as http:
            assert (await http.get("/api/topics", headers={"host": "evcc.house.example"})).status_code == 200


class TestOtherSites:
    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "http://attacker.example"},
            {"origin": "http://localhost:8080"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": "http://localhost:7071"},
        ],
    )
    async def test_they_neither_read_nor_set(self, headers: dict[str, str]) -> None:
        async with House(write=True).client(**headers) as http:
            assert (await http.get("/api/topics")).status_code == 403
            assert (await http.post("/api/set", json={"topic": "a", "value": 1})).status_code == 403
            assert (await http.post("/login", data={"token": "x"})).status_code == 403

    async def test_the_page_itself_does(self) -> None:
        async with House().client(origin="http://localhost:7071") as http:
            assert (await http.get("/api/topics")).status_code == 200

    async def test_behind_a_proxy_that_changes_the_host(self) -> None:
        headers = {"origin": "https://house.example", "sec-fetch-site": "same-origin"}
        async with House().client(**headers) as http:
            assert (await http.get("/api/topics")).status_code == 200

    async def test_a_form_cannot_set(self) -> None:
        async with House(write=True).client() as http:
            body = b'{"topic": "evcc/site/bufferSoc", "value": 10}'
            response = await http.post("/api/set", content=body, headers={"content-type": "text/plain"})
        assert response.status_code == 415

    async def test_no_answer_is_for_other_origins(self) -> None:
        async with House().client() as http:
            for method in ("GET", "OPTIONS", "POST"):
                response = await http.request(method, "/api/topics", headers={"origin": "http://localhost:7071"})
                assert not [name for name in response.headers if name.startswith("access-control")]


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/topics", "/nothing", "/healthz"])
    async def test_a_browser_loads_nothing_from_elsewhere(self, path: str) -> None:
        async with House().client() as http:
            headers = (await http.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert {policy[part] for part in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers

    async def test_the_files_need_nothing_that_the_policy_forbids(self) -> None:
        async with House().client() as http:
            for path in ("/", "/static/login.html"):
                text = (await http.get(path)).text
                assert "<script>" not in text
                assert " style=" not in text
                assert "http://" not in text.replace("http://www.w3.org", "")
                assert "https://" not in text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_no_token(path: str) -> None:
    async with House(**OPEN).client(REMOTE, host="attacker.example") as http:
        assert (await http.get(path)).status_code in {200, 503}


@pytest.mark.parametrize("path", [*READ, "/api/exports/openhab/evcc.things", "/readyz"])
async def test_no_secret_is_in_any_answer(path: str) -> None:
    house = House(token=TOKEN)
    async with house.client(authorization=f"Bearer {TOKEN}") as http:
        text = (await http.get(path)).text
    assert "S3CR3T" not in text
    assert TOKEN not in text
