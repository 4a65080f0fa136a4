"""Tensor operations every room shares."""
