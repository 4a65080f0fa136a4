"""Which of the networks a training passes through was the best so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from upframe.metrics import LOWER_IS_BETTER
from upframe.training.sections import Validation


def is_best(settings: Validation, scores: Mapping[str, float], before: Iterable[Mapping[str, float]]) -> bool:
    """Whether scores reach the floors, and are better in ``best_by`` than all earlier ones that do."""
    if settings.best_by is None or not _reaches(settings.floors, scores):
        return False
    rivals = (_rank(settings.best_by, other) for other in before if _reaches(settings.floors, other))
    return _rank(settings.best_by, scores) > max(rivals, default=-math.inf)


def _reaches(floors: Mapping[str, float], scores: Mapping[str, float]) -> bool:
    return all(_signed(name, scores.get(name, math.nan)) >= _signed(name, floor) for name, floor in floors.items())


def _rank(metric: str, scores: Mapping[str, float]) -> float:
    value = _signed(metric, scores.get(metric, math.nan))
    return -math.inf if math.isnan(value) else value


def _signed(metric: str, value: float) -> float:
    """So that more is better."""
    return -value if metric in LOWER_IS_BETTER else value
