"""Plug-ins as they are installed: the declaration behind an entry point, and what their distribution requires."""

import functools
import importlib.metadata
from typing import Any

import pluggy

from ._light import import_light
from .errors import PluginError, did_you_mean
from .spec import _PROJECT, Component

_HOOK = "ideomotor_components"


def offered(manager: pluggy.PluginManager, module: Any) -> tuple[Component, ...]:
    """The components that a registered plug-in offers; raises a `PluginError` for an unknown hook."""
    for caller in manager.get_hookcallers(module) or ():
        ours = [impl for impl in caller.get_hookimpls() if impl.plugin is module]
        if not caller.has_spec() and not all(impl.optionalhook for impl in ours):
            raise PluginError(f"It has an unknown hook {caller.name!r}.{did_you_mean(caller.name, [_HOOK])}")
    for impl in manager.hook.ideomotor_components.get_hookimpls():
        if impl.plugin is module:
            components = impl.function()
            break
    else:
        raise PluginError(f"It has no function {_HOOK!r} marked with @hookimpl.")
    if not isinstance(components, list | tuple) or not all(isinstance(c, Component) for c in components):
        raise PluginError(f"{_HOOK}() must return a list of Component, not {components!r:.80}.")
    return tuple(components)


def declaration(entry_point):
    """The light module of an entry point, or the object in it that the entry point names."""
    found = import_light(entry_point.module)
    for attribute in filter(None, (entry_point.attr or "").split(".")):
        found = getattr(found, attribute)
    return found


def distribution_of(entry_point) -> tuple[str, str]:
    """Name and version of the distribution that an entry point comes with."""
    dist = getattr(entry_point, "dist", None)
    if dist is None:
        return "unknown", ""
    headers = _headers(dist)
    return headers.get("Name", ["unknown"])[0], headers.get("Version", [""])[0]


@functools.lru_cache(maxsize=256)
def _headers(dist) -> dict[str, list[str]]:
    """The fields of a distribution's metadata.

    `dist.name` and `dist.requires` parse the whole file, README included, at each access, with Python's e-mail package.
    """
    found: dict[str, list[str]] = {}
    for line in (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "").splitlines():
        if not line:
            break
        field, _, value = line.partition(": ")
        found.setdefault(field, []).append(value)
    return found


def incompatible(entry_point) -> str:
    """Why the plug-in's own `Requires-Dist: ideomotor…` does not admit this core, or an empty string."""
    dist = getattr(entry_point, "dist", None)
    if dist is None or distribution_of(entry_point)[0] == _PROJECT:
        return ""
    lines = [line for line in _headers(dist).get("Requires-Dist", ()) if line.lower().startswith(_PROJECT)]
    if not lines:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement  # 40 ms, and only strangers need it
    from packaging.version import Version

    try:
        here = importlib.metadata.version(_PROJECT)
    except importlib.metadata.PackageNotFoundError:
        return ""
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        named = requirement.name.lower() == _PROJECT and wanted
        if named and not requirement.specifier.contains(here, prereleases=True):
            lowest = [
                Version(s.version.rstrip(".*"))
                for s in requirement.specifier
                if s.operator in (">=", ">", "~=", "==")
            ]
            update = _PROJECT if any(v > Version(here) for v in lowest) else distribution_of(entry_point)[0]
            return f"it requires ideomotor{requirement.specifier}, and {here} is installed; update {update}"
    return ""


def missing_extra(distribution: str, extra: str | None) -> bool:
    """Whether something that an extra of a distribution requires is not installed."""
    from packaging.requirements import Requirement

    if extra is None:
        return False
    try:
        lines = _headers(importlib.metadata.distribution(distribution)).get("Requires-Dist", ())
    except importlib.metadata.PackageNotFoundError:
        return False
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or not marker.evaluate({"extra": extra}) or marker.evaluate({"extra": ""}):
            continue
        if requirement.name == distribution:
            if any(missing_extra(distribution, other) for other in requirement.extras):
                return True
            continue
        try:
            importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            return True
    return False


def one_line(error: BaseException) -> str:
    """An error as the reason why a plug-in is broken."""
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
