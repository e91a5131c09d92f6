"""`await topic.send()`, as in the manual: it waits until the record is in a buffer, not until a broker has it."""

from __future__ import annotations

import asyncio
from typing import Any

import faust

from tests.faust.apps.settings import OUT, RAW, SETTINGS, TOPIC

app = faust.App(TOPIC, producer_request_timeout=2.0, **SETTINGS)
source = app.topic(TOPIC, **RAW)
out = app.topic(OUT, **RAW)


@app.agent(source)
async def pass_on(stream: Any) -> None:
    async for value in stream:
        await asyncio.sleep(0.005)
        await out.send(value=value)


if __name__ == "__main__":
    app.main()
