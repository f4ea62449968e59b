import click

from ..registry import Plugin, missing_extra, registry

_COLOUR = {"active": "green", "disabled": None, "broken": "red", "incompatible": "yellow"}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Include plug-ins that IDEOMOTOR_PLUGINS leaves out.")
@click.option("--components", is_flag=True, help="List the components of each plug-in.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def plugins(everything: bool, components: bool, as_json: bool) -> None:
    """List the installed plug-ins, their state and what they offer.

    A plug-in is active, disabled (not named in IDEOMOTOR_PLUGINS), broken (it could not be loaded) or incompatible
    (it requires another version of ideomotor). `ideomotor describe NAME` tells more about one component.
    """
    found = registry().plugins
    if as_json:
        click.echo(_json(found))
        return
    shown = [p for p in found if everything or p.status != "disabled"]
    if not found:
        click.echo("No plug-ins are installed; the first ones come with `pip install ideomotor`.")
    columns = [(p.name, p.status, _offer(p), f"{p.distribution} {p.version}".rstrip()) for p in shown]
    widths = [max((len(row[i]) for row in columns), default=0) for i in range(3)]
    for plugin, row in zip(shown, columns, strict=True):
        name, status, offer, source = row
        status = click.style(status.ljust(widths[1]), fg=_COLOUR[status])
        click.echo(f"{name.ljust(widths[0])}  {status}  {offer.ljust(widths[2])}  {source}")
        if plugin.reason and plugin.status != "disabled":
            click.echo(f"    {plugin.reason}")
        if components:
            _list(plugin)
    if hidden := len(found) - len(shown):
        click.echo(f"{hidden} more disabled by IDEOMOTOR_PLUGINS; --all lists them.")


def _offer(plugin: Plugin) -> str:
    count = len(plugin.components)
    return "" if plugin.status != "active" else f"{count} component{'' if count == 1 else 's'}"


def _list(plugin: Plugin) -> None:
    kinds = max((len(c.kind) for c in plugin.components), default=0)
    names = max((len(c.name) for c in plugin.components), default=0)
    for c in plugin.components:
        needs = (
            f" [requires {plugin.distribution}[{c.extra}]]"
            if missing_extra(plugin.distribution, c.extra)
            else ""
        )
        click.echo(f"    {c.kind.ljust(kinds)}  {c.name.ljust(names)}  {c.summary}{needs}")


def _json(found: list[Plugin]) -> str:
    import json

    return json.dumps([{**vars(p), "components": [vars(c) for c in p.components]} for p in found], indent=2)
