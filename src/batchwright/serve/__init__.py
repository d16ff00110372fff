"""Predictions of a saved run over HTTP.

A request travels: `bodies` reads it within limits, `media` tells of what type it is, `asked` makes columns of it,
`usual` takes rows in which nothing has to be said, and `batches` joins those that wait; other rows go by `long_way`,
each request for itself. Images come in `forms` or as text, `pictures` decodes them, and `image_rows` puts them into
rows; then they wait as others do. `served` is the model with its compiled programs, `replies` what is sent, `app` the
routes, `reloading` another run in its place.
"""
