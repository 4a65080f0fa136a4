"""Path-traced frames by Blender, in a process of its own."""
