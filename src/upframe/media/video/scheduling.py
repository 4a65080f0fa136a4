"""What encoders do to this program's place among others."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def leave_real_time() -> None:
    """Make every real-time thread of this program an ordinary one again.

    SVT-AV1, where it runs as root, as in a container, gives its threads and the one that opens it real-time priority; threads
    and programs started from there inherit it. They would run before everything else on the machine: the network's threads,
    and whatever else somebody does there. On Linux, where it happens.
    """
    if sys.platform != "linux":
        return
    for thread in (int(task.name) for task in Path("/proc/self/task").iterdir()):
        with suppress(OSError):  # a thread that has just ended
            if os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
