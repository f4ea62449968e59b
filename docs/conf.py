"""The site: `python -m sphinx -W -c docs . FOLDER`, from the root of the repository.

The source folder is the repository, so that notebooks and changelog are read where they are. Nothing is fetched from the
network, when the site is built or when it is read.
"""

import sys
from pathlib import Path

import ideomotor

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Ideomotor"
author = "The Ideomotor developers"
project_copyright = "The Ideomotor developers, Apache-2.0"
version = release = ideomotor.__version__

extensions = ["myst_nb", "public_names", "components", "gallery", "mathml"]
root_doc = "docs/index"
include_patterns = ["docs/**.md", "notebooks/*.ipynb", "CHANGELOG.md"]
exclude_patterns = [
    ".*",
    "core",
    "plugins",
    "widgets",
    "tests",
    "dist",
    "build",
    "runs",
    "**/.ipynb_checkpoints",
]

nb_execution_mode = "off"  # what is stored is shown; the tests run the notebooks
nb_ipywidgets_js = {}
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
highlight_language = "none"
default_role = None
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "Ideomotor"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_redirect"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
