"""Scripts that print the figures of the docs. `python -m bench` runs them all, `python -m bench NAME` one."""
