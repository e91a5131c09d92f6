"""Values with a type, as the manual recommends; event by event, or in batches (STOCK_BATCHES)."""

from __future__ import annotations

import os
from typing import Any

import faust

from tests.faust.apps.settings import OUT, SETTINGS, TOPIC


class Report(faust.Record):
    number: int


app = faust.App(TOPIC, **SETTINGS)
source = app.topic(TOPIC, value_type=Report, value_serializer="json")
out = app.topic(OUT, value_type=bytes, value_serializer="raw")


@app.agent(source)
async def pass_on(stream: Any) -> None:
    if os.environ.get("STOCK_BATCHES"):
        async for events in stream.take_events(5, within=0.1):
            for event in events:
                await (await out.send(value=b"%d" % event.value.number))
    else:
        async for report in stream:
            await (await out.send(value=b"%d" % report.number))


if __name__ == "__main__":
    app.main()
