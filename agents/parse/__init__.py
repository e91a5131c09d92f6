"""Raw documents to entries."""
