"""The Helm chart has options that there are; `scripts/helm` renders it and reads it with Kubernetes' types."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import __version__
from bridge.settings import Fleet, Web, configuration
from bridge.settings.model import options
from bridge.util.recent_lines import RecentLines
from bridge.web.api import application
from bridge.web.view import View

CHART = Path(__file__).parents[2] / "packaging/helm"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
FLEET: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "fleet.yaml").read_text())
STATEFUL_SET = (CHART / "templates/statefulset.yaml").read_text()


def test_it_has_the_version_of_the_bridge() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_every_variable_is_an_option() -> None:
    named = set(re.findall(r"name: ([A-Z_]+)\b", STATEFUL_SET))
    assert named >= {"CONFIG", "SITES_DIR", "FLEET_INDEX", "FLEET_COUNT", "WEB_LISTEN"}
    assert named - {"CONFIG", "SITES_DIR"} | FLEET["secrets"].keys() <= options().keys()


def test_probes_ask_for_paths_that_there_are() -> None:
    paths = {getattr(route, "path", "") for route in application(Web(), View({}, RecentLines(), write=False)).routes}
    assert {*VALUES["probes"].values()} == {"/healthz", "/readyz"} <= paths


def test_a_pods_name_gives_its_index() -> None:
    assert Fleet.model_validate({"index": "fleet-evcc-2", "count": "3"}).index == 2


@pytest.mark.parametrize("values", [VALUES, FLEET], ids=["default", "fleet"])
def test_its_configuration_is_understood(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(values["config"])
    sites = tmp_path / "sites"
    sites.mkdir()
    for name, content in values["sites"].items():
        (sites / f"{name}.toml").write_text(content)
    environment = {
        "CONFIG": str(tmp_path / "bridge.toml"),
        "SITES_DIR": str(sites),
        "WEB_LISTEN": "0.0.0.0:7071",
        "WEB_TOKEN": "a-long-token",
    }
    found = configuration({}, environment, hints=[])
    assert found.sites.keys() == values["sites"].keys()
    assert found.several
    assert not found.wrong


def test_every_value_is_used_and_every_one_that_is_used_is_there() -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = set(re.findall(r"\.Values\.(\w+)", templates))
    assert used == VALUES.keys()
    assert FLEET.keys() <= VALUES.keys()


def test_pods_have_no_more_rights_than_they_need() -> None:
    for line in (
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "capabilities: {drop: [ALL]}",
        "automountServiceAccountToken: false",
        "seccompProfile: {type: RuntimeDefault}",
    ):
        assert line in STATEFUL_SET
