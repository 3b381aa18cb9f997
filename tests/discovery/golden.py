"""openHAB's files of recorded houses, to see every change. Write them anew: `python -m tests.discovery.golden`."""

from pathlib import Path

from bridge.discovery import export
from tests.discovery.houses import house

DIRECTORY = Path(__file__).with_name("golden")
HOUSES = ("0.131.4", "0.313.2")


def files(name: str) -> dict[str, str]:
    """The export of a house."""
    return export("openhab", root="evcc", broker_url="mqtt://broker.local:1883", state=house(name))


if __name__ == "__main__":
    for name in HOUSES:
        for path, text in files(name).items():
            (DIRECTORY / name / path).parent.mkdir(parents=True, exist_ok=True)
            (DIRECTORY / name / path).write_text(text, encoding="utf-8")
