"""Keeps the present state of all items in SQLite: `python consumer.py items.db`. Needs aiokafka.

With --until-now it ends when it has read what stands on the topic; without, it follows. docs/guide/consume.md says why
each line is there.
"""

import argparse
import asyncio
import json
import sqlite3
import time

from aiokafka import AIOKafkaConsumer

LONGEST_AWAY = 6 * 24 * 3600
"""Seconds after which retractions may have been missed: the topic keeps them for seven days."""

TABLES = """
CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, revision INTEGER, story_id TEXT, title TEXT, record TEXT);
CREATE TABLE IF NOT EXISTS position (partition INTEGER PRIMARY KEY, next INTEGER, at REAL);
"""


def apply(database: sqlite3.Connection, record) -> None:
    """Upsert by id, or delete. The later record of a partition wins; there is nothing to compare."""
    key = record.key.decode()
    if record.value is None:
        database.execute("DELETE FROM item WHERE id = ?", (key,))
        return
    item = json.loads(record.value)
    row = (item["id"], item["revision"], item["story_id"], item["title"], record.value.decode())
    database.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)", row)


async def resume(consumer: AIOKafkaConsumer, database: sqlite3.Connection) -> None:
    """Go on where the database is; from the beginning where it is empty, too old, or of another topic."""
    ends = await consumer.end_offsets(consumer.assignment())
    positions = dict(database.execute("SELECT partition, next FROM position"))
    (oldest,) = database.execute("SELECT min(at) FROM position").fetchone()
    beyond = any(positions.get(at.partition, 0) > end for at, end in ends.items())
    if beyond or (oldest is not None and time.time() - oldest > LONGEST_AWAY):
        with database:
            database.execute("DELETE FROM item")
            database.execute("DELETE FROM position")
        positions = {}
    for at in consumer.assignment():
        consumer.seek(at, positions.get(at.partition, 0))
    print("goes on" if positions else "begins", flush=True)


async def run(broker: str, topic: str, path: str, until_now: bool) -> None:
    database = sqlite3.connect(path)
    database.executescript(TABLES)
    # No group: this program reads all partitions, and its positions are in its own database.
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        await resume(consumer, database)
        ends = await consumer.end_offsets(consumer.assignment())
        applied = 0
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=500)
            positions = {at: await consumer.position(at) for at in ends}
            with database:  # one transaction: the records, and how far they go
                for records in batches.values():
                    for record in records:
                        apply(database, record)
                        applied += 1
                for at, position in positions.items():
                    database.execute(
                        "INSERT OR REPLACE INTO position VALUES (?, ?, ?)", (at.partition, position, time.time())
                    )
            if until_now and all(positions[at] >= end for at, end in ends.items()):
                break
        (items,) = database.execute("SELECT count(*) FROM item").fetchone()
        print(f"{applied} records applied, {items} items", flush=True)
    finally:
        await consumer.stop()
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("--broker", default="127.0.0.1:9092")
    parser.add_argument("--topic", default="feeds.enriched")
    parser.add_argument("--until-now", action="store_true")
    chosen = parser.parse_args()
    asyncio.run(run(chosen.broker, chosen.topic, chosen.database, chosen.until_now))
