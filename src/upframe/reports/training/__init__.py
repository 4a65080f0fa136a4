"""One HTML page about trainings: curves and validation images, read from the folders that ``upframe train`` writes."""

from upframe.reports.training.following import follow_runs
from upframe.reports.training.page import PAGE, monitor_page, write_monitor
from upframe.reports.training.records import TrainingRecord, find_runs, read_record

__all__ = ["PAGE", "TrainingRecord", "find_runs", "follow_runs", "monitor_page", "read_record", "write_monitor"]
