"""The registry: which plug-ins there are, in which state, and how to make what they offer.

Every plug-in, our own included, is found through the entry-point group ``ideomotor.plugins`` and loaded in its own
``try``, so that a broken one is listed with its reason and stops nobody else. Nothing heavy is imported here.

Environment: ``IDEOMOTOR_PLUGINS=a,b`` loads only those entry points (empty: none); ``IDEOMOTOR_STRICT=1`` re-raises
what goes wrong while loading, for plug-in authors.
"""

import html
import importlib
import importlib.metadata
import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from ._discovery import declaration, distribution_of, incompatible, offered, one_line
from ._discovery import missing_extra as missing_extra
from .deprecation import _old_arguments
from .errors import ConfigError, PluginError, UnknownNameError, did_you_mean
from .kinds import KINDS, _find
from .spec import _ENTRY_POINT_GROUP, _PROJECT, Component, _Hooks, hookimpl

_NOTEBOOK = "registered by hand"
COMMAND_GROUPS = ("run", "train", "reproduce")  # commands of the core that plug-ins add to: "run digits"
BUILTIN_COMMANDS = ("plugins", "describe", "lab", "new-plugin", *COMMAND_GROUPS)


@dataclass(frozen=True)
class Plugin:
    """One entry point and what became of it: `status` is active, disabled, broken or incompatible."""

    name: str
    module: str
    distribution: str
    version: str
    status: str
    reason: str = ""
    components: tuple[Component, ...] = ()


class Registry:
    """The components of all active plug-ins, by name."""

    def __init__(self, entry_points: Iterable[importlib.metadata.EntryPoint] | None = None):
        self._manager = pluggy.PluginManager(_PROJECT)
        self._manager.add_hookspecs(_Hooks)
        self._components: dict[str, Component] = {}
        self._source: dict[str, Plugin] = {}
        self._objects: dict[str, Callable[..., Any]] = {}
        self.plugins: list[Plugin] = []
        if entry_points is None:
            entry_points = importlib.metadata.entry_points(group=_ENTRY_POINT_GROUP)
        chosen = os.environ.get("IDEOMOTOR_PLUGINS")
        names = None if chosen is None else {name.strip() for name in chosen.split(",") if name.strip()}
        # First-party plug-ins first, so that of two that want a name it is the newcomer that is told.
        ordered = sorted(
            set(entry_points), key=lambda ep: (distribution_of(ep)[0] != _PROJECT, ep.name, ep.value)
        )
        known = {entry_point.name for entry_point in ordered}
        for name in sorted((names or set()) - known):
            warnings.warn(
                f"IDEOMOTOR_PLUGINS names {name!r}, which is not an installed plug-in.{did_you_mean(name, known)}",
                stacklevel=2,
            )
        for entry_point in ordered:
            self._add(entry_point, enabled=names is None or entry_point.name in names)

    def _add(self, entry_point, enabled: bool) -> None:
        distribution, version = distribution_of(entry_point)
        about = (entry_point.name, entry_point.value, distribution, version)
        if not enabled:
            plugin = Plugin(*about, "disabled", "not named in IDEOMOTOR_PLUGINS")
        elif reason := incompatible(entry_point):
            plugin = Plugin(*about, "incompatible", reason)
        else:
            try:
                plugin = Plugin(*about, "active", components=self._load(entry_point))
            except (Exception, SystemExit) as error:  # a stranger's module may raise anything
                if os.environ.get("IDEOMOTOR_STRICT") == "1":
                    raise
                plugin = Plugin(*about, "broken", one_line(error))
        self.plugins.append(plugin)
        for component in plugin.components:
            self._components[component.name] = component
            self._source[component.name] = plugin

    def _load(self, entry_point) -> tuple[Component, ...]:
        module = declaration(entry_point)
        name = f"{entry_point.name} = {entry_point.value}"
        self._manager.register(module, name=name)
        try:
            components = offered(self._manager, module)
            self._check_free(components, entry_point)
        except BaseException:
            self._manager.unregister(module)
            raise
        return components

    def _check_free(self, components: tuple[Component, ...], entry_point) -> None:
        seen: set[str] = set()
        for component in components:
            if component.name in seen:
                raise PluginError(f"It offers the name {component.name!r} twice.")
            if component.kind == "command":
                self._check_command(component.name, seen)
            seen.add(component.name)
            if component.name in self._components:
                other = self._source[component.name]
                raise PluginError(
                    f"The name {component.name!r} is taken: plug-in {entry_point.name!r} of "
                    f"{distribution_of(entry_point)[0]} and plug-in {other.name!r} of {other.distribution} both "
                    f"offer it; rename one, or choose with IDEOMOTOR_PLUGINS."
                )

    def _check_command(self, name: str, siblings: Iterable[str]) -> None:
        first, _, rest = name.partition(" ")
        if first in BUILTIN_COMMANDS and not (rest and first in COMMAND_GROUPS):
            raise PluginError(
                f"The command {name!r} would hide `ideomotor {first}`; rename it, or put it into one of "
                f"{', '.join(COMMAND_GROUPS)}."
            )
        others = [c.name for c in self._components.values() if c.kind == "command"]
        for other in (*others, *siblings):
            short, long = sorted((name, other), key=len)
            if long.startswith(f"{short} "):
                where = f" of plug-in {self._source[other].name!r}" if other in self._source else ""
                raise PluginError(
                    f"The commands {name!r} and {other!r}{where} cannot coexist: {short!r} would be a command and a "
                    f"group of commands; rename one."
                )

    def components(self, kind: str | None = None) -> list[Component]:
        """The components of active plug-ins, sorted by kind and name."""
        if kind is not None and kind not in KINDS:
            raise UnknownNameError(f"There is no kind {kind!r}.{did_you_mean(kind, KINDS)}")
        found, order = [c for c in self._components.values() if kind in (None, c.kind)], list(KINDS)
        return sorted(found, key=lambda c: (order.index(c.kind), c.name))

    def get(self, name: str, kind: str | None = None) -> Component:
        """The record of that name; `UnknownNameError` says what was probably meant."""
        component = self._components.get(name)
        if component is None:
            known = [c.name for c in self.components(kind)]
            down = "".join(f" Plug-in {p.name!r} is {p.status}: {p.reason}" for p in self.plugins if p.reason)
            raise UnknownNameError(
                f"No {kind or 'component'} is called {name!r}.{did_you_mean(name, known) or down}"
            )
        if kind is not None and component.kind != kind:
            raise UnknownNameError(f"{name!r} is a {component.kind}, and a {kind} is needed here.")
        return component

    def source(self, name: str) -> Plugin:
        """The plug-in a component comes from."""
        return self._source[self.get(name).name]

    def factory(self, name: str, kind: str | None = None) -> Callable[..., Any]:
        """Import and return the class or function behind a name."""
        component = self.get(name, kind)
        if name not in self._objects:
            self._objects[name] = self._import(component)
        return self._objects[name]

    def _import(self, component: Component):
        source = self._source[component.name]
        module_name, _, attribute = component.factory.partition(":")
        try:
            found = _find(component.factory)
        except ImportError as error:
            if component.extra and getattr(error, "name", None) is not None:
                raise PluginError(
                    f"{component.kind} {component.name!r} needs {error.name!r}, which is not installed: "
                    f"pip install {source.distribution}[{component.extra}]"
                ) from error
            raise PluginError(
                f"{component.kind} {component.name!r} of plug-in {source.name!r} cannot be imported from "
                f"{component.factory!r}: {one_line(error)}"
            ) from error
        except AttributeError as error:
            raise PluginError(
                f"{component.kind} {component.name!r} of plug-in {source.name!r} points to {component.factory!r}, "
                f"and {module_name} has no {attribute!r}."
            ) from error
        if not callable(found):
            raise PluginError(
                f"{component.kind} {component.name!r} of plug-in {source.name!r} points to {component.factory!r}, "
                f"which is a {type(found).__name__} and neither a class nor a function."
            )
        return found

    def make(self, name: str, /, *args, kind: str | None = None, **kwargs) -> Any:
        """Make a component: `registry.make("dmp", dof=3)`. Plain NumPy classes are wrapped in a `Host*` adapter."""
        return self.build(self.get(name, kind), *args, **kwargs)

    def build(self, component: Component, /, *args, **kwargs) -> Any:
        """Make the component of a record with the arguments of its constructor.

        Raises a `ConfigError` for an argument that the constructor does not have, and whatever the constructor raises.
        """
        self.check_arguments(component, kwargs)
        made = self.factory(component.name)(*args, **kwargs)
        if not KINDS[component.kind].interface:
            return made
        from ._host import adapt  # imports JAX; only when something is made

        return adapt(made, component)

    def check_arguments(self, component: Component, names: Iterable[str]) -> None:
        """Raise a `ConfigError` for a command, or for names that are not arguments of the component's constructor."""
        if component.kind == "command":
            raise ConfigError(f"{component.name!r} is a command, and a component is needed here.")
        factory = self.factory(component.name)
        try:
            known = inspect.signature(factory).parameters
        except ValueError:  # some built-in functions have none
            return
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            return
        for name in names:
            if name not in known and name not in _old_arguments(factory):
                hint = did_you_mean(str(name), known)
                raise ConfigError(f"{component.name!r} takes no argument {name!r}.{hint}")

    def register(
        self, kind: str, name: str, factory: Callable[..., Any] | str, summary: str = ""
    ) -> Component:
        """Add a component by hand, from a notebook cell; running the cell again replaces it."""
        path = factory if isinstance(factory, str) else f"{factory.__module__}:{factory.__qualname__}"
        path = path.replace("<", "_").replace(">", "_")  # of `<locals>` and `<lambda>`
        doc = "" if isinstance(factory, str) else (factory.__doc__ or "").strip().partition("\n")[0]
        component = Component(kind, name, path, summary or doc)
        taken = self._source.get(name)
        if taken is not None and taken.name != _NOTEBOOK:
            raise PluginError(
                f"The name {name!r} is taken by plug-in {taken.name!r} of {taken.distribution}; choose another."
            )
        self._components[name] = component
        self._source[name] = Plugin(_NOTEBOOK, path, "this session", "", "active", components=(component,))
        self._objects.pop(name, None)
        if not isinstance(factory, str):
            self._objects[name] = factory
        return component

    def name_of(self, cls: type) -> str | None:
        """The registered name whose factory is `cls`, if there is one."""
        for name, found in self._objects.items():
            if found is cls:
                return name
        for component in self._components.values():
            module, _, attribute = component.factory.partition(":")
            root = module.partition(".")[0]
            same_root = cls.__module__.partition(".")[0] == root
            if same_root and attribute == cls.__qualname__ and self.factory(component.name) is cls:
                return component.name
        return None

    def _rows(self) -> list[list[str]]:
        return [[c.kind, c.name, self.source(c.name).name, c.summary] for c in self.components()]

    def _trouble(self) -> list[str]:
        return [
            f"{p.name} ({p.distribution} {p.version}) is {p.status}: {p.reason}"
            for p in self.plugins
            if p.reason
        ]

    def __repr__(self):
        return "\n".join([_table(self._rows()), *self._trouble()])

    def _repr_html_(self):
        return _html_table(self._rows()) + "".join(f"<p>{html.escape(line)}</p>" for line in self._trouble())


_HEADER = ("kind", "name", "plug-in", "summary")


def _table(rows: Iterable[Iterable[str]]) -> str:
    """Columns of text, aligned, under a ruled _HEADER."""
    grid = [[str(cell) for cell in row] for row in (_HEADER, *rows)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _html_table(rows: Iterable[Iterable[str]]) -> str:
    """The same as an HTML table; every cell is escaped."""
    head = "".join(f"<th style='text-align:left'>{html.escape(str(cell))}</th>" for cell in _HEADER)
    body = "".join(
        "<tr>"
        + "".join(f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_registry: Registry | None = None


def registry() -> Registry:
    """The one registry of this process, made when first asked for."""
    global _registry
    if _registry is None:
        _registry = Registry()
    return _registry


def reset(new: Registry | None = None) -> Registry | None:
    """Replace the registry (tests do); returns the old one. With None it is made when next asked for."""
    global _registry
    old, _registry = _registry, new
    return old


def plugins() -> list[Plugin]:
    """All plug-ins with their state, first-party ones included."""
    return list(registry().plugins)


def components(kind: str | None = None) -> list[Component]:
    """All components that can be made, or those of one kind."""
    return registry().components(kind)


def make(name: str, *args, **kwargs) -> Any:
    """Make a registered component by name, with the arguments of its constructor.

    >>> make("dmp", dof=3).default_params().goal.shape
    (3,)
    """
    return registry().make(name, *args, **kwargs)


def register(kind: str, name: str, factory: Callable[..., Any] | str, summary: str = "") -> Component:
    """Register a class or function under a name for this process, such as a class from a notebook cell.

    >>> register("part", "my-sum", sum, "adds up").factory
    'builtins:sum'
    >>> make("my-sum", [1, 2])
    3
    """
    return registry().register(kind, name, factory, summary)


__all__ = ["Plugin", "Registry", "components", "hookimpl", "make", "plugins", "register", "registry", "reset"]
