"""What batch normalization does: one network with it and without."""
