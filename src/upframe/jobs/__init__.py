"""Long work in pieces that survive: segments of a video, the journal of which are whole, and the workers that make them."""
