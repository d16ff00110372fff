"""What a person sees on the command line: results that are computed elsewhere, as text and tables."""
