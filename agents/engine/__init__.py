"""What makes it safe on Kafka: transactions, state, restore, health, lag."""
