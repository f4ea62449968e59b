"""The command line; see `ideomotor --help`. Importing it loads neither JAX nor NumPy."""

from ._cache import enable_compilation_cache as enable_compilation_cache
from ._errors import one_sentence as one_sentence
from ._main import command as command
from ._main import main as main
