"""Simulated robots: any MJCF or URDF model as a plant."""
