"""From an expression graph to values: signatures, coercion, the registry of algorithms, the evaluator."""
