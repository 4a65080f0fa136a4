"""Are the buffers of a capture what the contract says?"""
