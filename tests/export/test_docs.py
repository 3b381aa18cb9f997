"""The pages about other programs agree with the exports."""

import re
from pathlib import Path

import pytest

from tests.entities.houses import house
from tests.export import golden
from tests.export.exported import exported

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"openhab": "openhab.md", "nodered": "node-red.md", "homeassistant": "home-assistant.md"}


@pytest.mark.parametrize("page", PAGES.values())
def test_pictures_and_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (DOCS / page).read_text())
    assert targets
    assert [target for target in targets if not (DOCS / target).exists()] == []


@pytest.mark.parametrize("target", ["openhab", "nodered"])
def test_every_file_of_an_export_is_named(target: str) -> None:
    page = (DOCS / PAGES[target]).read_text()
    files = exported(target, house("0.313.2"))
    assert [name for name in files if f"/{name} " not in page] == []


def test_the_excerpt_of_openhabs_files_is_real() -> None:
    lines = "\n".join(golden.files("0.313.2").values()).splitlines()
    stripped = {line.strip() for line in lines}
    excerpt = re.findall(r"^ *((?:Thing|Type|String|Number)\b.*)$", (DOCS / "openhab.md").read_text(), re.MULTILINE)
    assert len(excerpt) == 5
    assert set(excerpt) <= stripped
