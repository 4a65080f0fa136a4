"""Data sets: how they lie on disk, how they are made smaller, packed and fetched.

:mod:`upframe.data.evaluation_set` opens a set to measure models on, :mod:`upframe.data.degradation` makes what is missing,
:mod:`upframe.data.catalogue` knows which sets there are. Needs torch for the degradations alone.
"""
