"""The demo's parts: its workers as processes, what they tell of themselves, and how that is shown."""
