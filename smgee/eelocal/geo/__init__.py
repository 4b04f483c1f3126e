"""Geometries on the sphere and on planes."""
