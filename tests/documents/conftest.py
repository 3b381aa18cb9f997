"""What the commands and examples of the documents run in."""

import shutil
from collections.abc import Iterator

import pytest

from tests.documents.house import House

PROGRAMS = {
    **dict.fromkeys(("mosquitto_pub", "mosquitto_sub", "mosquitto_rr"), "mosquitto-clients"),
    "curl": "curl",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A simulated evcc, a broker and a bridge."""
    for program, package in PROGRAMS.items():
        if not shutil.which(program):
            pytest.skip(f"{program} is missing: apt-get install {package}")
    with House(tmp_path_factory.mktemp("house")) as one:
        yield one
