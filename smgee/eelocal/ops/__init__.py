"""The algorithms, one module per family of official names."""

# Imported by the registry on first use; a new module is added here.
MODULES: tuple[str, ...] = ("control",)
