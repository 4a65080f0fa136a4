"""Images in and out: one type for all formats, and what surrounds the pixels kept."""
