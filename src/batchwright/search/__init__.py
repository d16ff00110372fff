"""Hyperparameter search: many configurations trained at once, and what is learned from them."""
