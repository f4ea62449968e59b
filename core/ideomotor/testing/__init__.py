"""Checks that any component must pass, for the tests of a plug-in; needs no test framework.

    import pytest
    from ideomotor.testing import check

    @pytest.mark.parametrize("name", ["cart-pole", "cpg"])
    def test_conforms(name):
        check(name)

A failing check raises a `ConformanceError` that names the component, the check, both values and the fix.
"""

from ._check import check as check
from ._compare import ConformanceError as ConformanceError
from ._registry import isolated_registry as isolated_registry
