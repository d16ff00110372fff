"""What exported files run: Python modules and scripts whose text is copied into them.

The Python modules need NumPy and the standard library alone, and import nothing else but each other; the scripts need a
browser or Node.
"""
