"""One HTML page about an evaluation: no network, no other file, everything that is from outside escaped."""

from upframe.reports.evaluation.page import PAGE, page, write_page

__all__ = ["PAGE", "page", "write_page"]
