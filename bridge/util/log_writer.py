"""Writes log lines from a thread of its own: a reader that stalls costs lines, and nothing else."""

import atexit
import os
import select
import threading
from collections import deque
from functools import cache

import structlog

_MOST = 2**20  # bytes that wait to be written
_FLUSH = 0.3  # seconds to wait at the end of the process for what has not been written


@cache
def log_writer(descriptor: int) -> "LogWriter":
    """The writer of a file descriptor; there is one for each, however often logging is configured."""
    return LogWriter(descriptor)


class LogWriter:
    """The logger at the end of structlog's processors.

    A line waits until it has been written. Lines beyond 1 MB are dropped; how many they were is logged when all
    others have been written. A reader that is gone is ignored.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes in `_waiting`
        self._dropped = 0
        self._changed = threading.Condition()
        # a daemon thread: the process ends although it is blocked
        threading.Thread(target=self._run, name="log", daemon=True).start()
        atexit.register(self.flush)

    def write(self, line: str) -> None:
        """Hand a line over to the thread; returns at once."""
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            if self._size + len(data) > _MOST:
                self._dropped += 1
                return
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify_all()

    debug = info = warning = error = critical = write

    def flush(self, seconds: float = _FLUSH) -> None:
        """Wait until everything has been written, but not longer than this."""
        with self._changed:
            self._changed.wait_for(self._is_empty, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_lines)
                data = self._waiting[0]
            self._write_whole(data)
            self._remove_first()

    def _remove_first(self) -> None:
        """Remove what has been written. When no line waits any more, log how many were dropped."""
        with self._changed:
            self._size -= len(self._waiting.popleft())
            dropped = 0 if self._waiting else self._dropped
            self._changed.notify_all()
        if dropped:
            structlog.get_logger().warning("log lines were lost: they were not read in time", lines=dropped)
            with self._changed:
                self._dropped -= dropped

    def _write_whole(self, data: bytes) -> None:
        """Write to the descriptor itself: a lock of Python's streams, held by a blocked thread, ends in an abort."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another process has made the shared pipe or terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError:
                return

    def _has_lines(self) -> bool:
        return bool(self._waiting)

    def _is_empty(self) -> bool:
        return not self._waiting and not self._dropped
