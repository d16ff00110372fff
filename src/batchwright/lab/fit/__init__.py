"""Over- and underfitting: a curve with noise, learned by a polynomial or a network."""
