"""Measuring: models on data sets, and results against references.

``evaluate`` and ``compare`` give an ``Evaluation``, frozen and ready for JSON and CSV, and the images of a page, which
``write_page`` writes.
"""

from upframe.evaluation.compare import Comparison, compare
from upframe.evaluation.evaluate import Step, Wish, evaluate
from upframe.evaluation.exhibits import Exhibit
from upframe.evaluation.protocols import PLAIN, Asked
from upframe.evaluation.results import Evaluation, Scored, Subject, as_csv

__all__ = [
    "PLAIN",
    "Asked",
    "Comparison",
    "Evaluation",
    "Exhibit",
    "Scored",
    "Step",
    "Subject",
    "Wish",
    "as_csv",
    "compare",
    "evaluate",
]
