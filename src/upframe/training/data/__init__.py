"""What networks are trained on: crops of photographs, of clips and of rendered frames, drawn at random.

``sample(i)`` of every set depends on its seed and on ``i`` alone, so that an interrupted training goes on with exactly the
samples it would have seen.
"""
