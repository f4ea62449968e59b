import numpy as np
import pytest

import ideomotor
from ideomotor_trajectory_network import ReachProblem, optimal_reaches, sample_reaches


@pytest.fixture(scope="session")
def arm():
    """The paper's arm, without friction."""
    return ideomotor.make("two-link-arm", damping=0.0)


@pytest.fixture(scope="session")
def problem(arm):
    """Reaches in a joint curl field whose strength is chosen reach by reach."""
    return ReachProblem(ideomotor.make("joint-curl-field", plant=arm, strength=0.0), terminal=1e6)


@pytest.fixture(scope="session")
def reaches(problem):
    """Some optimal reaches in all three fields."""
    start, target = sample_reaches(np.random.default_rng(0), 150)
    return optimal_reaches(problem, start, target, field=np.resize([-0.08, 0.0, 0.08], 150), progress=False)
