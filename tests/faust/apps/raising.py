"""A handler that fails for one event, as handlers do."""

from __future__ import annotations

from typing import Any

import faust

from tests.faust.apps.settings import OUT, POISON, RAW, SETTINGS, TOPIC

app = faust.App(TOPIC, **SETTINGS)
source = app.topic(TOPIC, **RAW)
out = app.topic(OUT, **RAW)


@app.agent(source)
async def pass_on(stream: Any) -> None:
    async for value in stream:
        if value == POISON:
            raise RuntimeError("a service that this handler needs is away")
        await (await out.send(value=value))


if __name__ == "__main__":
    app.main()
