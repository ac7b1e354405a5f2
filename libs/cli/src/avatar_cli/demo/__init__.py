"""`avatar demo`: a spoken conversation with the clone, recorded as the other side sees and hears it."""
