"""A rasteriser on OpenGL that renders every buffer of the contract."""
