"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMMANDS = "ideomotor_movement_database._commands"


@hookimpl
def ideomotor_components() -> list[Component]:
    """See `ideomotor.spec.Hooks`."""
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
        Component(
            "part",
            "flat-search",
            "ideomotor_movement_database:Flat",
            "one search on the deepest level, with jumps to near demonstrations",
        ),
        Component(
            "part",
            "hierarchical-search",
            "ideomotor_movement_database:Hierarchical",
            "the search of partial paths down the levels (Deniša & Ude 2015)",
        ),
        Component("part", "k-means", "ideomotor_movement_database:KMeans", "splits nodes by 2-means"),
        Component(
            "part", "pca", "ideomotor_movement_database:PCASplit", "splits nodes at a minimum-error threshold"
        ),
        Component(
            "part", "em", "ideomotor_movement_database:EM", "splits nodes by a mixture of two Gaussians"
        ),
        Component("command", "db export", f"{_COMMANDS}:export", "demonstrations, tree and graph as files"),
        Component("command", "db ingest", f"{_COMMANDS}:ingest", "add demonstrations to a database"),
        Component("command", "db query", f"{_COMMANDS}:query", "a movement from one place to another"),
        Component("command", "db rebuild", f"{_COMMANDS}:rebuild", "build tree and graph anew"),
        Component("command", "db stats", f"{_COMMANDS}:stats", "what is in a database"),
    ]
