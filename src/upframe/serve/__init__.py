"""``upframe serve``: a page on this machine for people who do not use a terminal.

The page asks and watches; the work is done by the same command they would have typed, each job in a process of its own.
"""
