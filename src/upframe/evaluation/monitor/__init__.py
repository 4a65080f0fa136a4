"""One HTML page about trainings: curves and validation pictures, read from the folders that ``upframe train`` writes."""

from upframe.evaluation.monitor.following import follow_runs
from upframe.evaluation.monitor.page import PAGE, monitor_page, write_monitor
from upframe.evaluation.monitor.records import Record, find_runs, read_record

__all__ = ["PAGE", "Record", "find_runs", "follow_runs", "monitor_page", "read_record", "write_monitor"]
