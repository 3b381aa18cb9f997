"""What the process takes of the machine: memory, file descriptors, and the time of Python's garbage collector.

What a site has lives as long as the site. A full collection that looks through it takes about 2 ms a site, in which no
command is sent.
"""

import asyncio
import ctypes
import gc
import resource

import structlog

_TRIM_PERIOD = 30.0  # seconds; it takes a few milliseconds at most
_THRESHOLD = 20_000  # new objects before a collection of the youngest; Python's 700 are for small programs
_OF_A_SITE = 8  # file descriptors: broker 3, `/ws` 1, REST 1 to 3
_BESIDE = 256  # of the process: the page's connections, log, signals


def prepare(sites: int) -> None:
    """Make room for so many sites, and let the collector find again what belongs to sites that have ended.

    It is to run less often: starting hundreds of sites makes millions of objects, hardly any of them garbage.
    """
    gc.set_threshold(_THRESHOLD)
    gc.unfreeze()
    _raise_descriptors(_BESIDE + _OF_A_SITE * sites)


def settle() -> None:
    """Take all objects that there are now out of further collections."""
    gc.collect()
    gc.freeze()


async def trim() -> None:
    """Give memory that is free back to the system twice a minute: glibc keeps what a flood of messages took."""
    trim_memory = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    while trim_memory is not None:
        await asyncio.sleep(_TRIM_PERIOD)
        trim_memory(0)


def _raise_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft not in {resource.RLIM_INFINITY, limit} and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < wanted:
        structlog.get_logger().warning("too few file descriptors for all sites", wanted=wanted, limit=limit)
