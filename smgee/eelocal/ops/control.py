"""Control functions. `If` is part of the evaluator, which computes only the branch it selects."""
