"""A model as one file that other programs run, from raw columns to answers; `exporting` says what there is."""
