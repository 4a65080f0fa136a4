"""The networks, one file each, and the catalogue that loads them by name or from any published checkpoint."""

from upframe.models.catalog import Model, default_model, load, shipped
from upframe.models.info import ModelInfo

__all__ = ["Model", "ModelInfo", "default_model", "load", "shipped"]
