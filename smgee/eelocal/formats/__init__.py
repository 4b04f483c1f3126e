"""Values, pixels and tables as bytes: JSON, images, table files."""
