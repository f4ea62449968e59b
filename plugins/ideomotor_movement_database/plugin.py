"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMMANDS = "ideomotor_movement_database._commands"


def _part(name: str, factory: str, summary: str) -> Component:
    return Component("part", name, f"ideomotor_movement_database{factory}", summary)


@hookimpl
def ideomotor_components() -> list[Component]:
    """The planner, Gaussian processes, their parts, and `ideomotor db`."""
    return [
        Component(
            "planner",
            "movement-graph",
            "ideomotor_movement_database:MovementGraph",
            "goes from one demonstration over to another where they are near",
        ),
        Component(
            "perception",
            "gaussian-process",
            "ideomotor_movement_database:GaussianProcess",
            "query point to movement parameters, by Gaussian processes, one set for each route",
        ),
        _part("flat-search", ":Flat", "one search on the deepest level, across gaps to near demonstrations"),
        _part("hierarchical-search", ":Hierarchical", "partial paths, level by level (Deniša & Ude 2015)"),
        _part("tree-settings", ":TreeSettings", "how demonstrations are clustered into a tree"),
        _part("movement-timing", ":Timing", "when a joined movement is where, and how smooth it is"),
        _part("k-means", ".graph._clustering:KMeans", "splits nodes by 2-means"),
        _part("pca", ".graph._clustering:PCASplit", "splits nodes at a minimum-error threshold"),
        _part("em", ".graph._clustering:EM", "splits nodes by a mixture of two Gaussians"),
        Component("command", "db export", f"{_COMMANDS}:export", "demonstrations, tree and graph as files"),
        Component("command", "db ingest", f"{_COMMANDS}:ingest", "add demonstrations to a database"),
        Component("command", "db query", f"{_COMMANDS}:query", "a movement from one place to another"),
        Component("command", "db rebuild", f"{_COMMANDS}:rebuild", "build tree and graph again"),
        Component("command", "db stats", f"{_COMMANDS}:stats", "what is in a database"),
    ]
