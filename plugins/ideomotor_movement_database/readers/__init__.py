"""Demonstrations from files."""

from ._read import read_demonstrations as read_demonstrations
