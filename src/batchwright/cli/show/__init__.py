"""What a person sees on the command line: text and tables of what is computed elsewhere."""
