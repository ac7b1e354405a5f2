"""Avatar face."""
