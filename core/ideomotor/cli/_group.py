import copy
import importlib
from collections.abc import Mapping
from typing import Any

import click

from ..errors import PluginError, did_you_mean
from ..registry import registry
from ..spec import Component
from ._cache import enable_compilation_cache

_SHOWN = 60  # characters of an automatic summary of a group


class LazyCommand(click.Command):
    """Stands for a command of the core in the help; its module is imported when it is invoked."""

    def __init__(self, name: str, module: str, short_help: str):
        super().__init__(name, short_help=short_help)
        self.module, self.function = module, name.replace("-", "_")
        self.more: tuple[click.Parameter, ...] = ()  # options that its group gives to all of its commands

    def load(self) -> click.Command:
        """Import the command."""
        return getattr(importlib.import_module(self.module), self.function)

    def make_context(self, info_name, args, parent=None, **extra) -> click.Context:
        """Hand over to the command itself."""
        command = copy.copy(self.load())
        command.params = [*command.params, *self.more]
        return command.make_context(info_name, args, parent, **extra)


class PluginCommand(LazyCommand):
    """The same for a command of a plug-in."""

    def __init__(self, record: Component):
        super().__init__(record.name.rpartition(" ")[2], record.factory, record.summary)
        self.record = record

    def load(self) -> click.Command:
        """Import the command of the plug-in; what follows may compile."""
        enable_compilation_cache()
        command = registry().factory(self.record.name)
        if not isinstance(command, click.Command):
            source = registry().source(self.record.name)
            raise PluginError(
                f"Command {self.record.name!r} of plug-in {source.name!r} points to {self.record.factory!r}, "
                f"which is a {type(command).__name__} and not a click command; decorate it with @click.command()."
            )
        return command


class PluginGroup(click.Group):
    """A group of built-in commands and of the commands that plug-ins registered under its words.

    - `words`: the words that lead here: `()` for `ideomotor` itself, `("run",)` for `ideomotor run`.
    - `kind`: what one command is called in messages.
    - `builtin`: commands that are always here, by name.
    """

    def __init__(
        self,
        name: str,
        words: tuple[str, ...] = (),
        *,
        kind: str = "command",
        builtin: Mapping[str, click.Command] | None = None,
        **kwargs: Any,
    ):
        super().__init__(name, commands=dict(builtin or {}), **kwargs)
        self.words, self.kind = words, kind

    def _records(self) -> dict[str, list[Component]]:
        """The records below this group, by their next word."""
        depth, found = len(self.words), {}
        for record in registry().components("command"):
            words = tuple(record.name.split(" "))
            if len(words) > depth and words[:depth] == self.words:
                found.setdefault(words[depth], []).append(record)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in commands in the order a newcomer meets them, then those of plug-ins."""
        return [*self.commands, *sorted(set(self._records()) - set(self.commands))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A built-in command, or a stand-in that imports nothing yet."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        records = self._records().get(cmd_name)
        if not records:
            return None
        words = (*self.words, cmd_name)
        if len(records) == 1 and tuple(records[0].name.split(" ")) == words:
            return PluginCommand(records[0])
        return PluginGroup(cmd_name, words, short_help=_names(records, len(words)))

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """As click does it, with a hint when there is no such command."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"No such {self.kind} {name!r}.{self.hint(ctx, name)}")
        return super().resolve_command(ctx, args)

    def hint(self, ctx: click.Context, name: str) -> str:
        """What to do about an unknown command."""
        close = did_you_mean(name, self.list_commands(ctx))
        if "Did you mean" in close:
            return close
        if any(c.name == name for c in registry().components()):
            return f" It is a component: ideomotor describe {name}"
        down = [p for p in registry().plugins if p.status != "active"]
        return close + "".join(f" Plug-in {p.name!r} is {p.status}: {p.reason}." for p in down[:3])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it; an empty group says so."""
        if not self.list_commands(ctx):
            formatter.write_paragraph()
            formatter.write_text(f"No installed plug-in offers a {self.kind} here; see `ideomotor plugins`.")
        super().format_commands(ctx, formatter)


def _names(records: list[Component], depth: int) -> str:
    names = ", ".join(sorted({record.name.split(" ")[depth] for record in records}))
    return names if len(names) <= _SHOWN else names[: _SHOWN - 1] + "…"
