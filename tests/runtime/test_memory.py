"""Freed memory is kept: where that is possible, and where it is wanted."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, torch
from upframe.runtime.memory import keep_freed_memory
kept = keep_freed_memory()
for _ in range(10):  # the heap settles
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(10_000_000)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(**environment: str) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunes glibc")
def test_a_tensor_of_the_size_of_the_last_one_costs_no_new_pages() -> None:
    kept, faults = _faults()
    assert kept == "True"
    assert faults < 1000, "a tensor has 10,000 pages, and there are twenty"
    kept, faults_of_default = _faults(UPFRAME_KEEP_MEMORY="0")
    assert kept == "False"
    assert faults_of_default > faults
