"""Python's garbage collector where there are many sites: it must not look through all of them again and again.

What a site has lives as long as the site. A full collection would take about 2 ms a site, in which no command is sent.
"""

import gc

_THRESHOLD = 20_000  # new objects before a collection of the youngest; Python's 700 are for small programs


def prepare() -> None:
    """Collect less often: starting hundreds of sites makes millions of objects, hardly any of them garbage."""
    gc.set_threshold(_THRESHOLD)


def settle() -> None:
    """Take all that there is now out of further collections."""
    gc.collect()
    gc.freeze()


def release() -> None:
    """Let a collection find again what has been taken out: a site has ended."""
    gc.unfreeze()
