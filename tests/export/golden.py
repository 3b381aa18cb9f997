"""openHAB's files of recorded houses, to see every change. Write them anew: `python -m tests.export.golden`."""

from pathlib import Path

from tests.entities.houses import house
from tests.export.exported import exported

DIRECTORY = Path(__file__).with_name("golden")
HOUSES = ("0.131.4", "0.313.2")


def files(name: str) -> dict[str, str]:
    """The export of a house."""
    return exported("openhab", house(name))


if __name__ == "__main__":
    for name in HOUSES:
        for path, text in files(name).items():
            (DIRECTORY / name / path).parent.mkdir(parents=True, exist_ok=True)
            (DIRECTORY / name / path).write_text(text, encoding="utf-8")
