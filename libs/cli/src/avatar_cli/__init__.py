"""Avatar cli."""
