"""Real faults of a real mill, scraped once a second and kept for promtool: `make record-alerts`."""
