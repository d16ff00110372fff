"""Train many configurations at once, as one compiled program on the same rows."""
