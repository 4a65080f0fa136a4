"""Videos in and out through PyAV: what they say of themselves, their frames as planes, and everything around the images."""
