"""Classifiers: trees read from text, trained ones, and the walk down to the leaves."""
