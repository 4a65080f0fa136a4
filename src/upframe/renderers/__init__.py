"""Makers of rendered frames: a rasteriser on OpenGL, Blender, and the scenes they render."""
