"""What runs in Blender's own Python, as scripts: they import Blender, NumPy and one another, and nothing else of Upframe."""
