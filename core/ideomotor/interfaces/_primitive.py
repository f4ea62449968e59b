import abc
from typing import Generic, TypeVar

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from .._trajectory import Trajectory

Params = TypeVar("Params")


class AbstractPrimitive(eqx.Module, Generic[Params]):
    """A family of movements; `params` picks one of them.

    Subclass `AbstractFeedforwardPrimitive` or `AbstractFeedbackPrimitive`.
    """

    @abc.abstractmethod
    def default_params(self) -> Params:
        """The parameters of the neutral movement; their structure, shapes and dtypes are the type."""

    def fit(self, trajectory: Trajectory) -> Params:
        """Imitation: the parameters whose movement is nearest to `trajectory.ys`."""
        raise NotImplementedError(f"{type(self).__name__} cannot imitate a trajectory; it has no `fit`.")


class AbstractFeedforwardPrimitive(AbstractPrimitive[Params]):
    """Called once per movement: gives the whole command sequence (a decoder, a DMP)."""

    @abc.abstractmethod
    def trajectory(
        self, params: Params, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        """The commands at the times `ts` (s), which start at zero; every leaf leads with time."""


class AbstractFeedbackPrimitive(AbstractPrimitive[Params]):
    """Called at every step with what the plant lets be seen: a policy."""

    @abc.abstractmethod
    def default_feedback(self) -> PyTree:
        """Feedback this primitive accepts; `None` if it does not look at any."""

    @abc.abstractmethod
    def init(self, params: Params) -> PyTree:
        """The state at the start of the movement (phase, neural activity)."""

    @abc.abstractmethod
    def step(
        self,
        state: PyTree,
        feedback: PyTree,
        params: Params,
        dt: Float[ArrayLike, ""],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[PyTree, PyTree]:
        """`(state after dt seconds, command for those dt seconds)`, from the state and feedback now."""
