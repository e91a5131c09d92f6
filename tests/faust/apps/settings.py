"""What the stock programs have in common: where the broker is, and times that do not make a test wait."""

from __future__ import annotations

import os
from typing import Any

TOPIC = os.environ["STOCK_TOPIC"]
OUT = f"{TOPIC}.out"
POISON = b"poison"

SETTINGS: dict[str, Any] = {
    "broker": f"kafka://{os.environ['STOCK_BROKER']}",
    "datadir": os.environ["STOCK_FOLDER"],
    "topic_partitions": int(os.environ["STOCK_PARTITIONS"]),
    "broker_session_timeout": 6.0,
    "broker_heartbeat_interval": 1.0,
    "broker_commit_interval": 0.5,
    "topic_disable_leader": True,
}
RAW: dict[str, Any] = {
    "key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"
}  # fmt: skip
