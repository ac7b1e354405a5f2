"""Speech recognition engines, one a module."""
