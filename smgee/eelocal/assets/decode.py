"""Stored pixels to values and mask, in one compiled pass."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def decode(stored, nodata, least, greatest, scale, offset, values, valid):
    """Fill `values` (stored × scale + offset, in double precision) and `valid` of stored pixels; all three
    are (height, width) arrays.

    Masked are NaN, what equals one of the `nodata` numbers, and what lies outside of [least, greatest].
    """
    height, width = stored.shape
    for row in range(height):
        line, shown, out = stored[row], valid[row], values[row]
        for col in range(width):
            number = np.float64(line[col])
            shown[col] = (number >= least) & (number <= greatest)
            out[col] = number * scale + offset
        for number in nodata:
            for col in range(width):
                shown[col] &= np.float64(line[col]) != number
