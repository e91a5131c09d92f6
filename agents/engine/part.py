"""One owned partition of a stage."""

from __future__ import annotations

from agents.engine.delivery import Refusals
from agents.engine.store import Store
from agents.engine.suspicion import Suspicion
from agents.engine.transport import Transactions


class Part:
    """Its store, its producer and where it stands."""

    def __init__(self, partition: int, store: Store) -> None:
        self.partition = partition
        self.store = store
        self.transactions: Transactions | None = None
        self.ready = False
        self.joined = False
        """Whether records have come, since it was taken over last, that go on where its state stands."""
        self.sure_at = 0.0
        """When the last commit was asked for, or was seen to be there."""
        self.begun: int | None = None
        """The next input offset when it was taken over last; None before."""
        self.verified: int | None = None
        """The next input offset at the last time that the commit behind it was seen to be there."""
        self.suspicion: Suspicion | None = None
        self.count = 0
        self.refusals: Refusals = {}

    @property
    def next(self) -> int:
        """The next input offset to be worked on."""
        return self.store.next
