"""What the browser shows: a tab in each file."""
