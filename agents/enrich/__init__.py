"""News to finished items."""
