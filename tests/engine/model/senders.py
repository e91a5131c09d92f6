"""Those who publish raw documents: some in transactions of their own."""

from __future__ import annotations

from collections.abc import Sequence

from agents.engine.transport import Outgoing
from agents.stage import Headers, Topic
from tests.engine.model.broker import ModelBroker
from tests.engine.model.documents import Planned, replay_header
from tests.engine.model.names import NAMING


class Senders:
    def __init__(self, broker: ModelBroker, records: Sequence[Planned]) -> None:
        self.records = records
        self.places: list[tuple[int, int]] = []
        """Partition and offset of each record that was published."""
        self.open: dict[int, str] = {}
        """The fate of the transactions that are not decided yet, by partition."""
        self._broker = broker

    @property
    def done(self) -> bool:
        return len(self.places) == len(self.records)

    def publish(self) -> None:
        """Publish the next record."""
        planned = self.records[len(self.places)]
        headers: Headers = ()
        if planned.replay is not None:
            number, index = planned.replay
            headers = (replay_header(NAMING, *self.places[number], index),)
        record = Outgoing(NAMING.topic(Topic.RAW), planned.partition, planned.key, planned.body, headers)
        if planned.partition in self.open:
            self.decide(planned.partition)
        offset = self._publish_outside(record, planned.outside) if planned.outside else self._broker.publish(record)
        self.places.append((planned.partition, offset))

    def decide(self, partition: int) -> None:
        """End a sender's transaction, as it was planned."""
        id = f"outsider.{partition}"
        fate = self.open.pop(partition)
        if self._broker.producers[id].current is not None:  # it may have timed out
            self._broker.end(id, self._broker.producers[id].epoch, fate)

    def _publish_outside(self, record: Outgoing, fate: str) -> int:
        """In a transaction of the sender's own, which is decided later."""
        id = f"outsider.{record.partition}"
        epoch = self._broker.init_producer(id, "outsider")
        self._broker.begin(id, epoch, "outsider")
        offset = self._broker.send(id, epoch, [record])
        self.open[record.partition] = fate
        return offset
