"""Models as files that other programs run, each checked against PyTorch before it gets its name."""
