"""One file a picture format, each with ``read(source)`` and ``write(path, picture, options)``.

Readers return samples as stored, not yet turned upright; writers are given a picture that fits their format.
"""
