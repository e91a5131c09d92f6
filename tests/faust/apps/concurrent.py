"""Four actors, of which one has a long event in hand."""

from __future__ import annotations

import asyncio
from typing import Any

import faust

from tests.faust.apps.settings import OUT, POISON, RAW, SETTINGS, TOPIC

app = faust.App(TOPIC, **SETTINGS)
source = app.topic(TOPIC, **RAW)
out = app.topic(OUT, **RAW)


@app.agent(source, concurrency=4)
async def pass_on(stream: Any) -> None:
    async for value in stream:
        if value == POISON:
            await asyncio.sleep(3600)
        await (await out.send(value=value))


if __name__ == "__main__":
    app.main()
