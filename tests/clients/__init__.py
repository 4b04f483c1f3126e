"""Packages built on the Earth Engine client, unmodified, on the embedded Earth Engine: docs/clients.md."""
