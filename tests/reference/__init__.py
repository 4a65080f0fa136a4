"""The published implementations' outputs, small enough to lie in the repository: see README.md beside this file."""
