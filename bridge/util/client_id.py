"""The client id that a site has at the broker unless another one is configured."""

import socket
from hashlib import sha256


def client_id(root: str, index: int = 0) -> str:
    """The client id of this host for a root: the same at every start, at most 23 characters (MQTT 3.1.1).

    `index` tells the processes of a fleet apart that have the same host: both are connected while a site moves.
    """
    who = [socket.gethostname(), root, *([str(index)] if index else [])]
    return "evcc-bridge-" + sha256("\0".join(who).encode()).hexdigest()[:10]
