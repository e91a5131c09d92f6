from __future__ import annotations

import threading

import pytest

from agents.engine.health import Health, State
from agents.engine.lag import NO_LAG, Lag
from agents.engine.transport import EngineError
from schemas import StageName

PARSE, DEDUPE = StageName.PARSE, StageName.DEDUPE


class Timer:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def health(timer: Timer) -> Health:
    return Health(timer=timer, stall_seconds=60, restore_seconds=600, beat_seconds=30)


def settle(health: Health, **partitions: int) -> None:
    """Assign and restore so many partitions of each stage."""
    owned = {StageName(name): range(count) for name, count in partitions.items()}
    health.assigned(owned)
    for stage, numbers in owned.items():
        for number in numbers:
            health.restored(stage, number, 0, 0.1, None)
    health.settled()


def test_before_the_first_assignment_it_is_alive_and_not_ready(health: Health, timer: Timer) -> None:
    timer.now += 1e6
    assert not health.ready().ok
    assert "No partitions are assigned" in health.ready().why
    assert health.alive().ok  # it may be waiting for a broker; a restart brings none


def test_ready_when_every_assigned_partition_is_restored(health: Health) -> None:
    health.assigned({PARSE: [0, 1], DEDUPE: [0]})
    health.restored(PARSE, 0, 0, 0.1, None)
    assert health.ready() == State(False, "2 of 3 partitions are still to be restored: dedupe/0, parse/1.")
    health.restored(PARSE, 1, 0, 0.1, None)
    health.restored(DEDUPE, 0, 0, 0.1, None)
    assert health.ready() == State(
        False, "All 3 partitions are restored; what the stages make of them is not ready yet."
    )
    health.settled()
    assert health.ready() == State(True, "All 3 assigned partitions are restored and worked on.")


def test_many_partitions_are_named_in_part(health: Health) -> None:
    health.assigned({PARSE: range(40)})
    assert (
        health.ready().why
        == "40 of 40 partitions are still to be restored: parse/0, parse/1, parse/2, parse/3, parse/4 …."
    )


def test_a_worker_without_partitions_stands_by_and_is_ready(health: Health) -> None:
    health.assigned({})
    health.settled()
    assert health.ready().ok
    assert "stands by" in health.ready().why


def test_not_ready_during_a_rebalance_and_while_stopping(health: Health) -> None:
    settle(health, parse=2)
    health.revoked()
    assert "rebalance" in health.ready().why
    settle(health, parse=1)
    assert health.ready().ok
    health.draining()
    assert health.ready() == State(False, "The worker is stopping.")
    assert health.alive().ok


def test_a_partition_assigned_again_is_restored_again(health: Health) -> None:
    settle(health, parse=1)
    health.assigned({PARSE: [0]})
    assert not health.ready().ok


def test_an_idle_worker_lives_for_ever(health: Health, timer: Timer) -> None:
    settle(health, parse=2)
    for _ in range(1000):
        timer.now += 5
        health.lags({(PARSE, 0): NO_LAG, (PARSE, 1): NO_LAG})
        assert health.alive().ok


def test_records_in_hand_without_progress_are_death(health: Health, timer: Timer) -> None:
    settle(health, parse=1)
    timer.now += 1000
    with health.at_work(PARSE, [0]):
        timer.now += 59
        assert health.alive().ok
        timer.now += 2
        assert health.alive() == State(False, "parse/0 has made no progress for 61 s and records are in hand.")
        health.handled(PARSE, 0, 10, [], 100)
        assert health.alive().ok
    timer.now += 1000
    assert health.alive().ok


def test_records_in_hand_are_let_go_when_the_work_fails(health: Health, timer: Timer) -> None:
    settle(health, parse=1)
    with pytest.raises(EngineError), health.at_work(PARSE, [0]):
        raise EngineError("fenced")
    timer.now += 1000
    assert health.alive().ok


def read_lags(health: Health, timer: Timer, seconds: int, **lags: Lag) -> None:
    """Let time pass as it does in a worker: a beat, a broker that answers, and a reading of lags every five seconds."""
    for _ in range(seconds // 5):
        timer.now += 5
        health.beat()
        health.lags({(StageName(name), 0): lag for name, lag in lags.items()})


def test_a_stage_in_which_nothing_is_done_is_death_though_others_work(health: Health, timer: Timer) -> None:
    settle(health, parse=1, dedupe=1)
    read_lags(health, timer, 5, dedupe=Lag(1234, 1))
    for _ in range(12):
        read_lags(health, timer, 5, dedupe=Lag(1234, 1), parse=Lag(7, 1))
        health.handled(PARSE, 0, 1, [], 1)
    assert health.alive().ok
    read_lags(health, timer, 5, dedupe=Lag(1234, 1))
    assert health.alive() == State(False, "dedupe/0 has made no progress for 65 s and 1,234 records wait.")


def test_one_partition_has_five_times_as_long_where_its_stage_gets_on(health: Health, timer: Timer) -> None:
    """Its records may wait behind those of others. But Faust has been seen never to fetch one partition again."""
    settle(health, dedupe=2)
    read_lags(health, timer, 5, dedupe=Lag(1234, 1))
    for _ in range(60):
        read_lags(health, timer, 5, dedupe=Lag(1234, 1))
        health.handled(DEDUPE, 1, 1, [], 1)
        assert health.alive().ok
    read_lags(health, timer, 5, dedupe=Lag(1234, 1))
    assert health.alive() == State(False, "dedupe/0 has made no progress for 305 s and 1,234 records wait.")


def test_a_partition_with_nothing_but_markers_before_it_has_no_work(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    read_lags(health, timer, 3600, dedupe=Lag(1234, None))
    assert health.alive().ok


def test_a_long_batch_that_tells_of_its_progress_lives(health: Health, timer: Timer) -> None:
    """As one does whose entries are worked on one by one, in a process of their own."""
    settle(health, enrich=1)
    with health.at_work(StageName.ENRICH, [0]):
        for _ in range(60):
            read_lags(health, timer, 30, enrich=Lag(9, 1))
            health.progressed(StageName.ENRICH, 0)
            assert health.alive().ok


def test_a_batch_in_hand_while_the_broker_is_away_is_no_death(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    health.heard()
    with health.at_work(DEDUPE, [0]):
        for _ in range(120):
            timer.now += 5
            health.beat()
        assert health.alive().ok
        assert health.ready() == State(False, "The broker has not answered for 600 s.")
        health.heard()  # it is back, and the batch has its time
        for _ in range(11):
            timer.now += 5
            health.beat()
            health.heard()
            assert health.alive().ok
        timer.now += 5
        health.heard()
        assert health.alive() == State(False, "dedupe/0 has made no progress for 65 s and records are in hand.")


def test_a_broker_that_answers_slowly_is_no_death(timer: Timer) -> None:
    """Also where a worker may get nothing done for less long than a broker may need for an answer."""
    health = Health(timer=timer, stall_seconds=10)
    settle(health, dedupe=1)
    health.lags({(DEDUPE, 0): Lag(7, 1)})
    timer.now += 19
    health.beat()
    assert health.alive().ok
    health.lags({(DEDUPE, 0): Lag(7, 1)})
    assert health.alive().ok
    for _ in range(2):
        timer.now += 4
        health.lags({(DEDUPE, 0): Lag(7, 1)})
    assert not health.alive().ok


@pytest.mark.parametrize("seconds", [pytest.param(15, id="short"), pytest.param(3600, id="long")])
def test_a_process_that_was_paused_has_its_time_again(health: Health, timer: Timer, seconds: int) -> None:
    settle(health, dedupe=1)
    read_lags(health, timer, 50, dedupe=Lag(7, 1))
    timer.now += seconds  # SIGSTOP … SIGCONT
    health.beat()
    assert health.alive().ok
    read_lags(health, timer, 60, dedupe=Lag(7, 1))
    assert health.alive().ok
    read_lags(health, timer, 10, dedupe=Lag(7, 1))
    assert not health.alive().ok


def test_a_rebalance_without_an_end_is_death(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    health.revoked()
    read_lags(health, timer, 600)
    assert health.alive().ok
    read_lags(health, timer, 5)
    assert health.alive() == State(False, "The rebalance has gone on for 605 s.")
    settle(health, dedupe=1)
    assert health.alive().ok


def test_an_index_that_is_never_ready_is_death(health: Health, timer: Timer) -> None:
    health.assigned({StageName.STORIES: [0]})
    health.restored(StageName.STORIES, 0, 10**6, 10, None)
    read_lags(health, timer, 600)
    assert health.alive().ok
    read_lags(health, timer, 5)
    assert health.alive() == State(
        False, "stories/0 has made no progress for 605 s and what the stage makes of its state is not ready."
    )


def test_lag_with_progress_is_life(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    for _ in range(100):
        read_lags(health, timer, 30, dedupe=Lag(10_000, 1))
        health.handled(DEDUPE, 0, 1, [], 1)
        assert health.alive().ok


def test_work_that_came_after_a_quiet_hour_has_its_time(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    timer.now += 3600
    health.lags({(DEDUPE, 0): NO_LAG})
    timer.now += 5
    health.lags({(DEDUPE, 0): Lag(7, 1)})
    assert health.alive().ok


def test_a_broker_that_is_away_is_no_death(health: Health, timer: Timer) -> None:
    settle(health, dedupe=1)
    health.lags({(DEDUPE, 0): Lag(7, 1)})
    timer.now += 3600  # no lag could be read
    assert health.alive().ok
    assert health.ready() == State(False, "The broker has not answered for 3600 s.")
    health.lags({(DEDUPE, 0): Lag(7, 1)})  # it is back
    assert health.alive().ok
    assert health.ready().ok
    read_lags(health, timer, 70, dedupe=Lag(7, 1))
    assert not health.alive().ok


def test_a_long_restore_has_its_own_limit(health: Health, timer: Timer) -> None:
    health.assigned({DEDUPE: [0, 1]})
    read_lags(health, timer, 600, dedupe=Lag(7, 1))
    assert health.alive().ok
    health.restored(DEDUPE, 0, 10**6, 599, None)
    read_lags(health, timer, 600)
    assert health.alive().ok  # the second is being read now
    read_lags(health, timer, 5)
    assert health.alive().why.startswith("dedupe/1 has made no progress for 605 s and its state is not restored.")


def test_an_event_loop_that_stands_still_is_death(health: Health, timer: Timer) -> None:
    health.beat()
    timer.now += 29
    assert health.alive().ok
    timer.now += 2
    assert health.alive() == State(False, "The event loop has not turned for 31 s.")
    health.beat()
    assert health.alive().ok


def test_several_stuck_partitions_are_told_as_such(health: Health, timer: Timer) -> None:
    settle(health, parse=3)
    with health.at_work(PARSE, [0, 1, 2]):
        timer.now += 61
        assert health.alive().why.endswith("2 more partitions are stuck.")


def test_what_is_told_of_partitions_of_others_is_ignored(health: Health, timer: Timer) -> None:
    settle(health, parse=1)
    health.lags({(PARSE, 5): Lag(7, 1)})
    health.restored(PARSE, 5, 0, 0.1, None)
    health.handled(PARSE, 5, 1, [], 1)
    health.refused(PARSE, 5, "too large")
    with health.at_work(PARSE, [5]):
        timer.now += 1000
        assert health.alive().ok
    health.lags({})
    assert health.ready().ok


def test_threads_may_ask_while_the_loop_tells() -> None:
    health, failed, done = Health(), [], threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                health.ready()
                health.alive()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for count in range(300):
        settle(health, parse=count % 8, dedupe=count % 5)
        with health.at_work(PARSE, range(8)):
            health.lags({(PARSE, number): Lag(number, 1) for number in range(8)})
        health.revoked()
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
