"""`avatar bench`: what this machine really does, one measurement a module."""
