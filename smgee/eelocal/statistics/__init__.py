"""The statistics behind `Reducer.*`, one module per family."""
