"""Building blocks of the warp engine: displacement fields, layers and the inner mouth."""
