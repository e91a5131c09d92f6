"""Known faults of stock Faust (0.15.3), each beside the engine's cure: stock Faust loses, a feedmill worker does not.

| fault | stock Faust | the cure | test |
|---|---|---|---|
| table recovery | seeks back behind what it has fetched, takes the rest for a gap, acks it | own store | test_table |
| an agent raises | a `finally` acks the event in hand, the next commit passes it | the process ends | test_raising |
| `concurrency` | commits pass over an event in hand, where a later one is done first | one actor | test_concurrent |
| `await topic.send()` | awaits no delivery; what an outage lost is committed | deliveries awaited | test_forgetful |
| an unreadable value | committed without a trace; in batches the agent stands still | raw bytes in | test_typed |

The cures, in order: `engine/store.py` and `engine/holding.py` (no Faust table; fetching begins after the take-over);
`engine/mill.py` (what fails ends the process with nothing committed); `app.py` (one actor a stage); `engine/loop.py`
(every delivery is awaited before the commit, and the position is in the transaction); `app.py` and the stages (what
cannot be read is a dead letter).

The programs in `apps/` are as Faust's manual teaches them. Each test lets stock Faust lose first; where it does so no
more, the test fails and says so. To judge a new release of Faust:

    .venv/bin/python -m pip install faust-streaming==X && .venv/bin/python -m pytest -n0 -m soak tests/faust

"Stock Faust no longer shows it": look whether our cure can go. Any other failure: the release is not for us yet.
"""
