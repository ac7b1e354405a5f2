"""What tests of every package share: a real broker, a clock that jumps, a bad network, a trace collector."""
