"""What can run a network in place of torch: exported files, and the packages that read them."""

from upframe.engine.backends.files import ExportedFile, ExportedPicture, ExportedRecurrent, is_exported, open_exported
from upframe.engine.backends.runners import Backend

__all__ = ["Backend", "ExportedFile", "ExportedPicture", "ExportedRecurrent", "is_exported", "open_exported"]
