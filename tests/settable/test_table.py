import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.settable.setting import Button, Item, Json, Plan, Setting
from bridge.settable.table import SETTINGS
from bridge.state.state import Scope

RECORDINGS = Path(__file__).parents[1] / "recordings"

# evcc's REST documentation of the 0.131 era
DOCUMENTED = """
POST /api/batterydischargecontrol/<enable>
POST /api/batterygridchargelimit/<cost>
DELETE /api/batterygridchargelimit
POST /api/buffersoc/<soc>
POST /api/bufferstartsoc/<soc>
POST /api/prioritysoc/<soc>
POST /api/residualpower/<power>
POST /api/smartcostlimit/<cost>
DELETE /api/smartcostlimit
POST /api/settings/telemetry/<status>
POST /api/loadpoints/<id>/batteryboost/<status>
POST /api/loadpoints/<id>/limitsoc/<soc>
POST /api/loadpoints/<id>/limitenergy/<energy>
POST /api/loadpoints/<id>/mode/<mode>
POST /api/loadpoints/<id>/mincurrent/<current>
POST /api/loadpoints/<id>/maxcurrent/<current>
POST /api/loadpoints/<id>/enable/threshold/<threshold>
POST /api/loadpoints/<id>/enable/delay/<delay>
POST /api/loadpoints/<id>/disable/threshold/<threshold>
POST /api/loadpoints/<id>/disable/delay/<delay>
POST /api/loadpoints/<id>/plan/energy/<energy>/<time>
DELETE /api/loadpoints/<id>/plan/energy
POST /api/loadpoints/<id>/priority/<priority>
POST /api/loadpoints/<id>/phases/<phases>
POST /api/loadpoints/<id>/smartcostlimit/<cost>
DELETE /api/loadpoints/<id>/smartcostlimit
POST /api/loadpoints/<id>/vehicle/<name>
DELETE /api/loadpoints/<id>/vehicle
PATCH /api/loadpoints/<id>/vehicle
POST /api/vehicles/<name>/minsoc/<soc>
POST /api/vehicles/<name>/limitsoc/<soc>
POST /api/vehicles/<name>/plan/soc/<soc>/<time>
DELETE /api/vehicles/<name>/plan/soc
"""


def calls(setting: Setting) -> Iterator[str]:
    """The calls of a row with a `*` for each field."""
    prefix = "/api" if setting.scope is Scope.SITE else f"/api/{setting.scope}/*"
    yield f"{setting.method} {prefix}/{re.sub('{[a-z]+}', '*', setting.path)}"
    if setting.clear:
        yield f"DELETE {prefix}/{setting.clear}"


CALLS = [call for setting in SETTINGS for call in calls(setting)]


def accepted_writes(era: str) -> list[str]:
    """The recorded requests that real evcc took, reads aside."""
    lines = (RECORDINGS / era / "routes.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["request"] for row in rows if row["status"] == 200 and not row["request"].startswith("GET")]


@pytest.mark.parametrize("write", DOCUMENTED.strip().splitlines())
def test_every_documented_write_is_a_row(write: str) -> None:
    assert re.sub("<[a-z]+>", "*", write) in CALLS


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2"])
def test_every_write_that_real_evcc_took_is_a_row(era: str) -> None:
    patterns = [re.compile(re.escape(call).replace(r"\*", "[^/]+")) for call in CALLS]
    writes = accepted_writes(era)
    assert len(writes) > 80
    assert [write for write in writes if not any(pattern.fullmatch(write) for pattern in patterns)] == []


def test_every_call_of_a_row_was_taken_by_todays_evcc_or_is_known_to_be_newer() -> None:
    taken = [*accepted_writes("0.313.2"), "POST /api/settings/telemetry/true", "POST /api/buffersoc/50"]
    untaken = [call for call in CALLS if not any(_like(call, write) for write in taken)]
    newer = [call for row in SETTINGS if row.since and row.since > (0, 313, 2) for call in calls(row)]
    assert untaken == newer


def _like(call: str, write: str) -> bool:
    return re.fullmatch(re.escape(call).replace(r"\*", "[^/]+"), write) is not None


def test_names_are_unique_within_their_scope() -> None:
    names = [(row.scope, name.lower()) for row in SETTINGS for name in {row.leaf.lower(), *map(str.lower, row.aliases)}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: f"{row.scope}-{row.leaf}")
def test_a_row_has_the_fields_that_its_kind_fills(row: Setting) -> None:
    fields = set(re.findall("{([a-z]+)}", row.path))
    if isinstance(row.kind, Plan):
        assert fields == {row.kind.goal, "time"}
    else:
        assert fields == (set() if isinstance(row.kind, Json | Item | Button) else {"value"})
    assert bool(row.since) is bool(row.needs)
    assert row.title
    assert row.meaning.endswith(".")
