"""Voice: text in, speech with mouth shapes and word times out."""
