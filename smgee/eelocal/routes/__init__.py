"""The routes of the REST service, one module per family of resources."""
