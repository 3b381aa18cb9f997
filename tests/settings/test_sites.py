"""Several sites in one configuration: what they inherit, whom a mistake concerns, which process runs which."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.settings import Configuration, Fleet, Settings, configuration, sources
from bridge.util.client_id import client_id


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for files of sites; nothing of this machine's is read."""
    monkeypatch.setattr(sources, "SECRETS", tmp_path / "secrets")
    monkeypatch.setattr(sources, "DEFAULT_FILE", tmp_path / "bridge.toml")
    path = tmp_path / "sites"
    path.mkdir()
    return path


def read(tmp_path: Path, toml: str = "", **environment: str) -> Configuration:
    (tmp_path / "bridge.toml").write_text(toml)
    return configuration({}, environment, hints=[])


def of_sites(*sites: Mapping[str, Any], **environment: str) -> Configuration:
    return configuration({}, {"SITES": json.dumps(sites), **environment}, hints=[])


class TestOneSite:
    def test_nothing_configured(self) -> None:
        found = configuration({}, {}, hints=[])
        assert (found.sites, found.wrong, found.several) == ({"evcc": Settings()}, {}, False)

    def test_options_of_the_process_are_not_the_sites(self, tmp_path: Path) -> None:
        found = read(tmp_path, '[web]\nlisten = "7071"\n[mqtt]\nroot = "home"', LOG_LEVEL="debug")
        assert found.sites == {"home": Settings.model_validate({"mqtt": {"root": "home"}})}
        assert found.settings.web.listen == "127.0.0.1:7071"
        assert not {"web", "log", "fleet"} & found.sites["home"].public().keys()

    def test_an_empty_list_is_none(self, tmp_path: Path) -> None:
        assert not of_sites().several
        assert not read(tmp_path, "sites = []").several

    def test_it_is_not_shared(self) -> None:
        with pytest.raises(ConfigError, match=r"fleet\.count"):
            configuration({}, {"FLEET_COUNT": "2"}, hints=[])


class TestInheritance:
    def test_tables_inherit_option_by_option(self, tmp_path: Path) -> None:
        toml = """
            [evcc]
            interval = 5
            [mqtt]
            url = "mqtt://me:secret@broker"
            root = "estate"
            [[sites]]
            name = "north"
            evcc.url = "http://north:7070"
            [[sites]]
            name = "south"
            mqtt.root = "elsewhere"
            commands.enabled = false
        """
        found = read(tmp_path, toml, MQTT_QOS="0")
        north, south = found.sites["north"], found.sites["south"]
        assert (north.evcc.url, north.evcc.interval, south.evcc.url) == ("http://north:7070", 5, Settings().evcc.url)
        assert (north.mqtt.root, south.mqtt.root) == ("estate/north", "elsewhere")
        assert north.mqtt.login == south.mqtt.login == ("me", "secret")
        assert (north.mqtt.qos, south.mqtt.qos) == (0, 0)
        assert (north.commands.enabled, south.commands.enabled) == (True, False)
        assert found.several

    def test_the_login_in_an_address_goes_to_that_address_only(self, tmp_path: Path) -> None:
        toml = '[evcc]\nurl = "http://me:secret@one"\n[[sites]]\nname = "a"\n[[sites]]\nname = "b"\nevcc.url = "http://two"'
        sites = read(tmp_path, toml).sites
        assert (sites["a"].evcc.login, sites["b"].evcc.login) == (("me", "secret"), None)

    def test_a_client_id_of_all_is_one_for_each(self) -> None:
        sites = of_sites({"name": "a"}, {"name": "b"}, {"name": "c", "mqtt": {"client_id": "own"}}, MQTT_CLIENT_ID="id")
        assert [site.mqtt.client_id for site in sites.sites.values()] == ["id-a", "id-b", "own"]

    def test_processes_that_share_a_host_have_different_client_ids(self) -> None:
        name = next(f"s{number}" for number in range(9) if Fleet(index=1, count=2).runs(f"s{number}"))
        plain, given = (
            of_sites({"name": name}, FLEET_COUNT="2", FLEET_INDEX="1", MQTT_CLIENT_ID=own).sites[name].mqtt.client_id
            for own in ("", "id")
        )
        assert plain == client_id(f"evcc/{name}", 1) != client_id(f"evcc/{name}")
        assert given == f"id-{name}-1"

    def test_the_environment_is_stronger_than_the_file(self, tmp_path: Path) -> None:
        found = read(tmp_path, '[[sites]]\nname = "file"', SITES='[{"name": "environment"}]')
        assert [*found.sites] == ["environment"]

    def test_secrets_of_every_site_are_known(self) -> None:
        found = of_sites({"name": "a", "mqtt": {"password": "one"}}, {"name": "b", "evcc": {"url": "http://u:two@x"}})
        assert found.secrets() >= {"one", "two"}


class TestFiles:
    def test_each_is_a_site_of_its_name(self, tmp_path: Path, directory: Path) -> None:
        (directory / "north.toml").write_text('[evcc]\nurl = "http://north:7070"')
        (directory / "south.toml").write_text("")
        (directory / ".hidden.toml").write_text("[")
        (directory / "notes.txt").write_text("[")
        found = read(tmp_path, f'sites_dir = "{directory}"\n[[sites]]\nname = "west"')
        assert {name: site.mqtt.root for name, site in found.sites.items()} == {
            "west": "evcc/west",
            "north": "evcc/north",
            "south": "evcc/south",
        }
        assert not found.wrong

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("[mqtt", "no TOML file"),
            ("[mqtt]\nqos = 7", "mqtt.qos"),
            ("[web]\nlisten = '7071'", "web: a site takes evcc, mqtt"),
            ("name = 'b'", "name: a site takes"),
            ("mqtt = 1", "mqtt: takes a table of options"),
            ("[evcc]\nca_file = '/nowhere'", "evcc.ca_file"),
            ('[evcc]\npassword = "geheim"\nurl = "nonsense"', "evcc.url"),
        ],
    )
    def test_a_wrong_one_stops_its_own_site_only(self, directory: Path, content: str, reason: str) -> None:
        (directory / "a.toml").write_text("")
        (directory / "b.toml").write_text(content)
        found = configuration({}, {"SITES_DIR": str(directory)}, hints=[])
        assert [*found.sites] == ["a"]
        assert [*found.wrong] == ["b"]
        assert reason in found.wrong["b"]
        assert found.wrong["b"].isprintable()
        assert "geheim" not in found.wrong["b"]

    def test_a_name_is_taken_once(self, directory: Path) -> None:
        (directory / "a.toml").write_text("[mqtt]\nroot = 'x'")
        found = of_sites({"name": "a"}, SITES_DIR=str(directory))
        assert found.sites["a"].mqtt.root == "evcc/a"
        assert found.wrong == {"a.toml": f"{directory}/a.toml: another site has this name"}

    def test_a_name_is_one_level(self, directory: Path) -> None:
        (directory / "a#b.toml").write_text("")
        found = configuration({}, {"SITES_DIR": str(directory)}, hints=[])
        assert "cannot be a topic level" in found.wrong["a#b.toml"]
        assert found.several

    @pytest.mark.parametrize("path", ["/nowhere/sites", "a\0b"])
    def test_a_directory_that_is_not_there(self, path: str) -> None:
        with pytest.raises(ConfigError, match="sites_dir"):
            configuration({}, {"SITES_DIR": path}, hints=[])


class TestTwoSitesInOnePlace:
    def test_the_second_with_a_root_is_refused(self) -> None:
        found = of_sites({"name": "a", "mqtt": {"root": "x"}}, {"name": "b", "mqtt": {"root": "x/"}}, {"name": "c"})
        assert [*found.sites] == ["a", "c"]
        assert found.wrong == {"b": "mqtt.root: site a has the same on this broker (x)"}

    def test_one_evcc_on_two_brokers_is_two_sites(self) -> None:
        one, two = ({"root": "x", "url": f"mqtt://{host}"} for host in ("one", "two"))
        assert len(of_sites({"name": "a", "mqtt": one}, {"name": "b", "mqtt": two}).sites) == 2

    def test_the_second_with_a_client_id_is_refused(self) -> None:
        found = of_sites(*({"name": name, "mqtt": {"client_id": "id"}} for name in "ab"))
        assert [*found.wrong] == ["b"]


@pytest.mark.parametrize(
    "sites",
    [
        "[",
        "{}",
        '["a"]',
        "[{}]",
        '[{"name": ""}]',
        '[{"name": "a/b"}]',
        '[{"name": 1}]',
        '[{"name": "a"}, {"name": "a"}]',
    ],
)
def test_a_list_whose_sites_have_no_names_of_their_own(sites: str) -> None:
    with pytest.raises(ConfigError, match=r"^sites \(SITES\): "):
        configuration({}, {"SITES": sites}, hints=[])


class TestFleet:
    def test_the_hash_that_decides(self) -> None:
        digest = hashlib.sha256(b"berlin").digest()
        assert Fleet(index=int.from_bytes(digest[:8], "big") % 7, count=7).runs("berlin")

    def test_each_site_runs_in_one_process(self) -> None:
        sites = [{"name": f"site-{number}"} for number in range(60)]
        shares = [{*of_sites(*sites, FLEET_COUNT="4", FLEET_INDEX=f"bridge-{index}").sites} for index in range(4)]
        assert sorted(name for share in shares for name in share) == sorted(site["name"] for site in sites)
        assert min(map(len, shares)) > 5

    def test_a_mistake_is_named_by_the_process_whose_site_it_is(self, directory: Path) -> None:
        (directory / "a.toml").write_text("[")
        found = [of_sites(SITES_DIR=str(directory), FLEET_COUNT="3", FLEET_INDEX=str(index)) for index in range(3)]
        assert sorted(len(each.wrong) for each in found) == [0, 0, 1]

    @pytest.mark.parametrize("index", ["3", "-1", "bridge", "bridge-x"])
    def test_an_index_beyond_the_count(self, index: str) -> None:
        with pytest.raises(ConfigError, match="fleet"):
            of_sites({"name": "a"}, FLEET_COUNT="3", FLEET_INDEX=index)


class TestOneByName:
    several = staticmethod(lambda: of_sites({"name": "a"}, {"name": "b"}, {"name": "c", "mqtt": {"qos": 5}}))

    def test_the_only_one_needs_none(self) -> None:
        assert configuration({}, {}, hints=[]).site(None) == Settings()

    def test_one_of_several(self) -> None:
        assert self.several().site("b").mqtt.root == "evcc/b"

    @pytest.mark.parametrize(
        ("name", "reason"), [(None, "several sites; --site takes: a, b"), ("x", "no such site"), ("c", "mqtt.qos")]
    )
    def test_none_that_can_be_used(self, name: str | None, reason: str) -> None:
        with pytest.raises(ConfigError, match=reason):
            self.several().site(name)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from(["name", "evcc", "mqtt", "topics", "web"]) | st.text(max_size=4), anything)


@given(sites=st.lists(tables | anything, max_size=3))
def test_any_list_is_taken_or_explained(sites: list[Any]) -> None:
    try:
        found = configuration({}, {"SITES": json.dumps(sites)}, hints=[])
    except ConfigError as error:
        reasons = [str(error)]
    else:
        reasons = [*found.wrong.values()]
        assert len(found.sites) + len(found.wrong) == max(len(sites), 1)
    assert all(reason.isprintable() for reason in reasons)
