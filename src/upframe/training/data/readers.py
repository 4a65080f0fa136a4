"""How the processes that read ahead meet signals."""

from __future__ import annotations

import os
import signal
import threading


def await_parent(_worker: int) -> None:
    """Of a reading process: Ctrl-C, SIGTERM and SIGHUP, which reach the whole process group, are the parent's to obey.

    A reader that died of them would break the step after which the parent saves. SIGTERM from the parent ends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    else:  # the sender cannot be told: the reader ends when it finds its queue closed
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_with(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
