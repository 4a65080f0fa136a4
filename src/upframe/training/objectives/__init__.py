"""What each published system minimises, one file a system, readable beside its paper.

Every file has the settings of its recipe and a class: ``network``, ``groups`` of parameters for each optimiser, ``prepare``
(what the device makes of a batch) and ``turns``: for each optimiser in order, the terms whose sum it is to lower.
"""
