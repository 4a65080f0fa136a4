"""Play a rendered scene live, by several methods side by side."""
