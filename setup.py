"""The packages to install: all of smgee, and the folder `cli` as smgee_cli (see pyproject.toml)."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["smgee", "smgee.*"]), "smgee_cli"])
