"""Widgets for notebooks: none yet."""
