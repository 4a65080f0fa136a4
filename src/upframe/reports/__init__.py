"""HTML pages about evaluations and trainings: one file each, no network, everything from outside escaped."""
