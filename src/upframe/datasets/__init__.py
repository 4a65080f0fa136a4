"""Data sets: how they lie on disk, how they are made smaller, packed and fetched.

:mod:`upframe.datasets.evaluation_set` opens a set to measure models on, :mod:`upframe.datasets.degradation` makes what is
missing, :mod:`upframe.datasets.catalog` knows which sets there are. Needs torch for the degradations alone.
"""
