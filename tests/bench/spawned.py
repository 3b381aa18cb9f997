"""A process that a benchmark starts and asks over a pipe."""

from collections.abc import Callable
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self


class Spawned:
    """A process that runs `target` with its end of a pipe and further arguments; it ends with the block."""

    def __init__(self, target: Callable[..., None], *arguments: Any, duplex: bool) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=duplex)
        self._process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._process.kill()
        self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid
