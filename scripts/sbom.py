"""Print the SBOM of a version: the libraries of requirements/run.txt, as CycloneDX 1.6.

python scripts/sbom.py VERSION
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

_LOCK = Path(__file__).parents[1] / "requirements/run.txt"
_PINNED = re.compile(r"^([a-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def sbom(version: str, lock: str) -> dict[str, Any]:
    """The SBOM of a version of the bridge with the libraries that a lock names."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", "evcc-mqtt-bridge", version)},
        "components": [_component("library", name, locked) for name, locked in _PINNED.findall(lock)],
    }


def _component(kind: str, name: str, version: str) -> dict[str, str]:
    url = f"pkg:pypi/{name}@{version}"
    return {"type": kind, "bom-ref": url, "name": name, "version": version, "purl": url}


if __name__ == "__main__":
    json.dump(sbom(sys.argv[1], _LOCK.read_text()), sys.stdout, indent=2)
    sys.stdout.write("\n")
