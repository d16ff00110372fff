"""A run of one's own, looked at: the loss around its way, its sharpness, the noise of its gradients."""
