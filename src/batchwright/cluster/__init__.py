"""Processes, of one machine or of several, that train one network together."""
