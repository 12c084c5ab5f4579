"""Inference beside the event loop: one worker thread, a bounded number of waiting requests."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterator, TypeVar

from her2_core.server.problems import Problem

T = TypeVar("T")
RETRY_AFTER_S = 2


class InferenceQueue:
    """Admits a bounded number of requests and runs their work one after the other.

    A place is taken before a request's body is read, so that waiting requests cannot fill the memory.

    Args:
        capacity: requests admitted at once, running and waiting together.
    """

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue.

        Raises:
            Problem: 503 with Retry-After when all are taken.
        """
        if self._free == 0:
            raise Problem(
                503,
                "busy",
                "The server is busy",
                "the queue of predictions is full",
                f"Try again in {RETRY_AFTER_S} seconds.",
                {"Retry-After": str(RETRY_AFTER_S)},
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on the worker thread; the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._worker.shutdown(wait=True, cancel_futures=True)
