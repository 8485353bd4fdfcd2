"""Waiting for what comes to be, while the event loop goes on."""

import asyncio
from collections.abc import Callable

__all__ = ["seen"]


async def seen(condition: Callable[[], bool]) -> None:
    """Wait until something is so; TimeoutError where it never is."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.005)
