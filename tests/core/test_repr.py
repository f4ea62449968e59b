"""What registries, pipelines and trajectories show of themselves."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Component, Trajectory
from ideomotor.testing import isolated_registry


@pytest.fixture
def pipeline():
    plant = ideomotor.make("sheet")
    return ideomotor.Pipeline(None, ideomotor.make("dmp", dof=2, basis=25), plant)


def test_registry_lists_every_component_with_its_plugin():
    text = repr(ideomotor.registry())
    page = ideomotor.registry()._repr_html_()
    for component in ideomotor.components():
        assert re.search(rf"{component.kind} +{component.name} ", text)
        assert component.name in page


def test_html_escapes_what_strangers_write():
    with isolated_registry(Component("part", "sum", "builtins:sum", "<script>alert(1)</script>")) as registry:
        page = registry._repr_html_()
    assert "sum" in page and "<script>" not in page and "&lt;script&gt;" in page


def test_pipeline_shows_parts_in_order_and_what_flows(pipeline):
    text = repr(pipeline)
    order = [text.index(word) for word in ("observation", "DMP(", "Sheet(")]
    assert order == sorted(order)
    assert "f32[2,25]" in text
    assert "DMP(" in pipeline._repr_html_()


def test_trajectory_html_draws_a_curve_per_dimension():
    ts = jnp.linspace(0, 1, 11)
    page = Trajectory(ts, {"hand": jnp.stack([ts, ts**2], 1)})._repr_html_()
    assert page.count("<polyline") == 2
    assert "11 samples over 1 s" in page


def test_trajectory_html_of_bad_numbers_says_so():
    page = Trajectory(np.arange(3.0), np.array([0.0, np.nan, 1.0]))._repr_html_()
    assert "not finite" in page and "<polyline" not in page
