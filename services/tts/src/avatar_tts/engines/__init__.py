"""Voices: one module per engine, each with `create(settings)`."""
