"""Chaos: the real mill on a real Kafka behind a proxy, under a seeded schedule of faults; `make chaos`.

One piece is one seed: `piece.py` runs it, `schedule.py` says what befalls it, `check.py` what must hold afterwards.
"""
