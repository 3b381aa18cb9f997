"""Links between the documents lead to headings that are there."""

import re
from pathlib import Path

import pytest

from tests.documents.shown import DOCUMENTS, ROOT


def anchors(path: Path) -> set[str]:
    """The headings of a document as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_are_headings(path: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", path.read_text())
    assert [
        f"{name}#{anchor}" for name, anchor in links if anchor not in anchors(path.parent / name if name else path)
    ] == []
