"""Berniker & Kording 2015, "Deep networks for motor control functions": their numbers beside ours."""
