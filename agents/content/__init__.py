"""Pure knowledge about content: no clock, no files but its own data, no Kafka."""
