"""A user's table by batchwright and by peers: gradient boosting and other models of scikit-learn, and of its kind."""
