"""A simulated evcc: REST, /ws, its control cycle, its restarts and its faults, as recorded from the real one.

    async with Evcc("0.313.2", interval=1) as evcc:
        evcc.url                                    # http://127.0.0.1:<a free port>
        evcc.set("loadpoints.0.chargePower", 4200)  # state and frame
        evcc.fault("gateway", "/api/state")         # see faults.FAULTS; fault(None) ends all
        await evcc.restart(scale=0.1)               # refused, 404, one more loadpoint a cycle
        await evcc.requests.find("POST", "/api/loadpoints/1/mode/.*")

Its `?jq=` needs the extra `demo`. `python -m evcc_simulator` runs it as a program.
"""

from evcc_simulator.house import ERAS
from evcc_simulator.server import Evcc
from evcc_simulator.simulation import Stage

__all__ = ["ERAS", "Evcc", "Stage"]
