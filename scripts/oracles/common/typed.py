"""Whether documents are of an SDK's own types, with nothing in them that the types don't know."""

import sys
import typing

import typing_extensions
from pydantic import ConfigDict, TypeAdapter


def strict(package: str, kind: type) -> TypeAdapter:
    """A validator of a TypedDict of the package's, all of whose objects are closed."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(package + "."):
            continue
        # Iterables are validated when somebody iterates, which is never.
        for lazy in ("Iterable", "SequenceNotStr"):
            if hasattr(module, lazy):
                setattr(module, lazy, typing.List)
        for value in list(vars(module).values()):
            if isinstance(value, type) and typing_extensions.is_typeddict(value):
                value.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return TypeAdapter(kind)
