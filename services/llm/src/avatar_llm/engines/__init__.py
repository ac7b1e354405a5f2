"""Minds, one a file."""
