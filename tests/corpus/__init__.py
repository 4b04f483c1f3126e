"""Broken inputs by kind, each with the sentence it must give: never a traceback, never a wrong result."""
