"""A model of Kafka and of a mill's life, in memory and seeded: the real loop, stages and store run against it.

Every call on the broker is a step; between any two steps the world may stop, kill, pause, wake or add workers, move
partitions, compact, time transactions out, fail deliveries and lose a coordinator's markers. One seed is one history.
"""
