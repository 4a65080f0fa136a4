"""Tensor operations every package shares."""
