"""Recordings in and out: tables, bags, LeRobot sets, HDF5, motion capture."""
