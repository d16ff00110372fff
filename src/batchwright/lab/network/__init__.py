"""A small network in training, with all numbers of an iteration."""
