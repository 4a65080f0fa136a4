"""Measuring: models on data sets, and results against references.

``evaluate`` and ``compare`` give an ``Evaluation``, frozen and ready for JSON and CSV, and the images of a page, which
``write_page`` writes.
"""

from upframe.evaluation.compare import Comparison, compare
from upframe.evaluation.evaluate import EvaluationOptions, EvaluationProgress, evaluate
from upframe.evaluation.panels import Panel
from upframe.evaluation.protocols import PLAIN, ScoringOptions
from upframe.evaluation.results import Evaluation, Subject, SubjectScores, as_csv

__all__ = [
    "PLAIN",
    "Comparison",
    "Evaluation",
    "EvaluationOptions",
    "EvaluationProgress",
    "Panel",
    "ScoringOptions",
    "Subject",
    "SubjectScores",
    "as_csv",
    "compare",
    "evaluate",
]
