"""Many configurations trained at once, as one compiled program on the same rows."""
