"""One file an image format, each with ``read(source)`` and ``write(path, image, options)``.

Readers return samples as stored, not yet turned upright; writers are given an image that fits their format.
"""
