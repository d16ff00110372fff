"""Gradient descent over surfaces of one or two weights, by the rules that train networks."""
