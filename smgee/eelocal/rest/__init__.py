"""The REST protocol: how bytes arrive, the service, its routes."""
