"""Predictions of a saved run over HTTP.

A request travels: `bodies` reads it within limits, `asked` makes columns of it, `usual` takes rows in which nothing has
to be said, and `batches` joins those that wait; other rows go by `long_way`, each request for itself. `served` is the
model with its compiled programs, `replies` what is sent, `app` the routes, `reloading` another run in its place.
"""
