"""Imports a plug-in's declaration without the package around it.

`ideomotor_arm/__init__.py` imports JAX, and Python runs it before `ideomotor_arm.plugin`. The declaration needs nothing
of it, so the file `plugin.py` is run on its own, under its full name; listing plug-ins stays quick, and the authors of
plug-ins need not make their packages lazy. A relative import in the declaration still works: it imports the package.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType


def import_light(name: str) -> ModuleType:
    """The module `name` without importing its parent packages, or as usual where that cannot be done."""
    parent = name.rpartition(".")[0]
    if not parent or parent in sys.modules or name in sys.modules:
        return importlib.import_module(name)
    spec = _find(name)
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    module = importlib.util.module_from_spec(spec)
    # Known by its name only while it runs: afterwards an ordinary import would leave it unbound in its package.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop(name, None)
    return module


def _find(name: str) -> importlib.machinery.ModuleSpec | None:
    root, *rest = name.split(".")
    spec = importlib.util.find_spec(root)
    for word in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(
            f"{spec.name}.{word}", spec.submodule_search_locations
        )
    return spec
