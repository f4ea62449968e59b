from typing import Any

from jaxtyping import PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive


class Started(AbstractFeedbackPrimitive[Any]):
    """A policy that starts in the state `state` instead of its own: random activity, or where a movement broke off.

    One is made for each movement, so that `jax.vmap` over it starts every movement of a batch elsewhere.
    """

    primitive: AbstractFeedbackPrimitive
    state: PyTree[Any]

    def default_params(self) -> Any:
        """Those of the policy."""
        return self.primitive.default_params()

    def default_feedback(self) -> PyTree:
        """That of the policy."""
        return self.primitive.default_feedback()

    def init(self, params: Any) -> PyTree:
        """The given state."""
        return self.state

    def step(
        self, state: PyTree, feedback: PyTree, params: Any, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> tuple[PyTree, PyTree]:
        """That of the policy."""
        return self.primitive.step(state, feedback, params, dt, key=key)
