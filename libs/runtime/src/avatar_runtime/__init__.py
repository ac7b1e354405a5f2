"""Avatar runtime."""
