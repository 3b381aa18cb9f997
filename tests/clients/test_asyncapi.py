"""The AsyncAPI document against the official schema."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.entities.houses import HOUSES, house
from tests.export.exported import exported
from tests.patience import PATIENCE

pytestmark = [pytest.mark.client, pytest.mark.timeout(15 * PATIENCE)]

SCHEMA = Path(__file__).parents[1] / "export/asyncapi/3.0.0.json"


def errors(node_modules: Path, text: str) -> list[object]:
    command = ["node", str(Path(__file__).with_name("validate.mjs")), str(SCHEMA)]
    environment = os.environ | {"NODE_MODULES": str(node_modules)}
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment)
    found: list[object] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("name", HOUSES)
def test_the_document_is_valid(name: str, node_modules: Path) -> None:
    text = exported("asyncapi", house(name), root="home/evcc")["asyncapi.json"]
    assert errors(node_modules, text) == []


def test_the_schema_is_asked(node_modules: Path) -> None:
    document = json.loads(exported("asyncapi", house("0.313.2"))["asyncapi.json"])
    document["operations"]["send_status"]["action"] = "publish"
    assert errors(node_modules, json.dumps(document))
