"""A table that counts, a handler that takes its time, every delivery awaited: careful, and it loses all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import faust

from tests.faust.apps.settings import OUT, RAW, SETTINGS, TOPIC

app = faust.App(TOPIC, store="memory://", **SETTINGS)
source = app.topic(TOPIC, **RAW)
out = app.topic(OUT, **RAW)
counts = app.Table("counts", default=int)


@app.agent(source)
async def count(stream: Any) -> None:
    async for value in stream:
        counts[value.decode()] += 1
        await asyncio.sleep(0.01)
        await (await out.send(value=value))


if __name__ == "__main__":
    app.main()
