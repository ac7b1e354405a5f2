"""Ears and turn-taking: what the person says, and when they have finished saying it."""
