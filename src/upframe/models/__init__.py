"""The networks, one file each, and the catalog that loads them by name or from any published checkpoint.

What imports torch is imported when it is first used: what is known of models without loading them costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upframe.models.cards import default_model, shipped
from upframe.models.info import ModelInfo

if TYPE_CHECKING:
    from upframe.models.catalog import Model, load

__all__ = ["Model", "ModelInfo", "default_model", "load", "shipped"]


def __getattr__(name: str) -> Any:
    if name in ("Model", "load"):
        from upframe.models import catalog

        return getattr(catalog, name)
    raise AttributeError(f"module 'upframe.models' has no attribute {name!r}")
