"""Demonstrations from files."""
