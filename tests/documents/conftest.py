"""What the commands and examples of the documents run in."""

from collections.abc import Iterator

import pytest

from tests.documents.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A simulated evcc, a broker and a bridge."""
    with House(tmp_path_factory.mktemp("house")) as one:
        yield one
