"""`avatar eval`: real sound through the real stack in real time, and what the clone made of it."""
