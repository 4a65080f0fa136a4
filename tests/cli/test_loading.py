"""What a command imports is none of the garbage collector's business; what was there before stays its business."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest
import torch

from upframe.cli.loading import loading

IMPORT_TORCH = """
import gc, json
from upframe.cli.loading import loading
with loading():
    collecting = gc.isenabled()
    import torch
print(json.dumps([collecting, gc.isenabled(), gc.get_freeze_count()]))
"""


def test_torch_is_imported_without_collecting_and_left_alone_for_good() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_TORCH], capture_output=True, text=True, check=True)
    while_loading, afterwards, frozen = json.loads(done.stdout)
    assert not while_loading
    assert afterwards
    assert frozen > 100_000, "torch alone has more objects"


def test_a_program_that_has_torch_already_is_not_frozen() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert torch.__version__
    assert gc.get_freeze_count() == before
    assert gc.isenabled()


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        import upframe.nothing_of_this_name  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()


def test_a_program_that_does_not_collect_goes_on_so() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
