"""What each subcommand does, one module each."""
