"""What can run a network in place of torch: exported files, and the packages that read them."""

from upframe.export.exported import ExportedFile, ExportedImage, ExportedRecurrent, is_exported, open_exported
from upframe.export.runners import Backend

__all__ = ["Backend", "ExportedFile", "ExportedImage", "ExportedRecurrent", "is_exported", "open_exported"]
