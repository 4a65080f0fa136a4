"""Segments of a video made by many machines: Ray carries their descriptions there, and the parts back."""
