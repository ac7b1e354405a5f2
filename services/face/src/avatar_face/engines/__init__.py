"""Face engines, one file each; `base` holds their protocol."""
