"""Near-copies and stories."""
