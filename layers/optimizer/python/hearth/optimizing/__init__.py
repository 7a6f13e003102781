"""Finds a variant of a version that is measured better and still right, or says there is none."""
