"""How the kernel's functions are compiled.

Compiling is to take a few seconds, and each function has its share of that; so what is called rarely is put
together in Python, arrays are made by NumPy and passed in, and no entry points are made that nobody uses.
"""

from numba import njit

from smgee.compiled import compiled

# Called from Python.
entry = compiled(no_cfunc_wrapper=True)
# Called from compiled functions alone, whose machine code on disk includes it.
# real options, unknown to the stubs
part = njit(no_cfunc_wrapper=True, no_cpython_wrapper=True)  # type: ignore[call-overload]
