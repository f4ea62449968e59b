import abc

import equinox as eqx
from jaxtyping import PRNGKeyArray, PyTree

from .._trajectory import Trajectory


class AbstractPlanner(eqx.Module):
    """Finds a movement from a start to a goal, such as a search through demonstrations.

    In a pipeline the primitive imitates (`fit`) what the planner found and so makes it smooth and adaptable.
    """

    @abc.abstractmethod
    def default_query(self) -> tuple[PyTree, PyTree]:
        """A `(start, goal)` this planner can answer."""

    @abc.abstractmethod
    def __call__(self, start: PyTree, goal: PyTree, *, key: PRNGKeyArray | None = None) -> Trajectory:
        """A movement from `start` to `goal`."""
