"""Long-running work: exports, imports, and the log of operations."""
