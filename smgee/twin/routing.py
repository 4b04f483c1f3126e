"""Flow over a terrain: depression filling, receivers, drained area, wetness index, hillslope labels (Numba
kernels).

Rasters are flattened row by row; the outlets are the cells of the last row (the lake shore to the south).
"""

import numpy as np

from smgee.compiled import compiled


@compiled
def fill_depressions(z, epsilon):
    """Raise every cell so that a path falling by at least `epsilon` per cell leads to the last row.

    Priority flood with epsilon, Barnes, Lehman & Mulla 2014, Computers & Geosciences 62:117-127, algorithm 3.
    Returns a new (height, width) float64 array.
    """
    ny, nx = z.shape
    n = ny * nx
    out = z.copy().reshape(n)
    done = np.zeros(n, np.uint8)
    key = np.empty(n, np.float64)
    heap = np.empty(n, np.int32)
    queue = np.empty(n, np.int32)
    size, head, tail = 0, 0, 0
    for x in range(nx):
        i = (ny - 1) * nx + x
        done[i] = 1
        size += 1
        j = size - 1
        while j > 0 and key[(j - 1) >> 1] > out[i]:
            key[j], heap[j] = key[(j - 1) >> 1], heap[(j - 1) >> 1]
            j = (j - 1) >> 1
        key[j], heap[j] = out[i], i
    while size > 0 or head < tail:
        if head < tail and (size == 0 or out[queue[head]] <= key[0]):
            c = queue[head]
            head += 1
        else:
            c = heap[0]
            size -= 1
            last_key, last = key[size], heap[size]
            j = 0
            while True:
                child = 2 * j + 1
                if child >= size:
                    break
                if child + 1 < size and key[child + 1] < key[child]:
                    child += 1
                if key[child] >= last_key:
                    break
                key[j], heap[j] = key[child], heap[child]
                j = child
            key[j], heap[j] = last_key, last
        y, x = c // nx, c % nx
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                yy, xx = y + dy, x + dx
                if (dy == 0 and dx == 0) or yy < 0 or yy >= ny or xx < 0 or xx >= nx:
                    continue
                i = yy * nx + xx
                if done[i]:
                    continue
                done[i] = 1
                if out[i] <= out[c] + epsilon:
                    out[i] = out[c] + epsilon
                    queue[tail] = i
                    tail += 1
                else:
                    size += 1
                    j = size - 1
                    while j > 0 and key[(j - 1) >> 1] > out[i]:
                        key[j], heap[j] = key[(j - 1) >> 1], heap[(j - 1) >> 1]
                        j = (j - 1) >> 1
                    key[j], heap[j] = out[i], i
    return out.reshape(ny, nx)


@compiled
def receivers(z):
    """Return the index of the steepest lower neighbour of each cell (itself at outlets) and the distance
    to it in cells.
    """
    ny, nx = z.shape
    to = np.empty(ny * nx, np.int32)
    length = np.ones(ny * nx, np.float32)
    diagonal = np.sqrt(2.0)
    for y in range(ny):
        for x in range(nx):
            i = y * nx + x
            to[i] = i
            if y == ny - 1:
                continue
            best = 0.0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    yy, xx = y + dy, x + dx
                    if (dy == 0 and dx == 0) or yy < 0 or yy >= ny or xx < 0 or xx >= nx:
                        continue
                    d = diagonal if dy != 0 and dx != 0 else 1.0
                    s = (z[y, x] - z[yy, xx]) / d
                    if s > best:
                        best = s
                        to[i] = yy * nx + xx
                        length[i] = d
    return to, length


@compiled
def single_flow_area(to, order):
    """Return the number of cells that drain through each cell, itself included; `order` runs from the
    lowest to the highest.
    """
    area = np.ones(to.size, np.float32)
    for k in range(order.size - 1, -1, -1):
        i = order[k]
        if to[i] != i:
            area[to[i]] += area[i]
    return area


@compiled
def carve(z, to, length, order, area, uplift, erodibility, m):
    """Advance the stream power law by one implicit step, in place.

    dz/dt = U - K A^m S (n = 1), solved from the outlets upward: Braun & Willett 2013, Geomorphology
    180-181:170-179, eq. 22-23. `uplift` is U dt in metres, `erodibility` K dt / dx per cell of area and cell
    of length.
    """
    flat = z.reshape(z.size)
    rise = uplift.reshape(uplift.size)
    for k in range(order.size):
        i = order[k]
        r = to[i]
        if r == i:
            continue
        f = erodibility * area[i] ** m / length[i]
        flat[i] = (flat[i] + rise[i] + f * flat[r]) / (1.0 + f)


@compiled
def multiple_flow_area(z, order, exponent):
    """Return the contributing area in cells when flow divides over all lower neighbours by slope^exponent.

    Freeman 1991, Computers & Geosciences 17:413-422.
    """
    ny, nx = z.shape
    area = np.ones(ny * nx, np.float64)
    share = np.empty(8, np.float64)
    to = np.empty(8, np.int32)
    diagonal = np.sqrt(2.0)
    for k in range(order.size - 1, -1, -1):
        i = order[k]
        y, x = i // nx, i % nx
        count, total = 0, 0.0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                yy, xx = y + dy, x + dx
                if (dy == 0 and dx == 0) or yy < 0 or yy >= ny or xx < 0 or xx >= nx:
                    continue
                s = z[y, x] - z[yy, xx]
                if s > 0:
                    w = (s / (diagonal if dy != 0 and dx != 0 else 1.0)) ** exponent
                    share[count] = w
                    to[count] = yy * nx + xx
                    count += 1
                    total += w
        for c in range(count):
            area[to[c]] += area[i] * share[c] / total
    return area.astype(np.float32).reshape(ny, nx)


@compiled
def hillslopes(to, order, area, channel_cells):
    """Label each cell by the channel reach that it drains to; returns (labels int32, number of labels).

    A reach starts at a channel head, at a confluence and at an outlet. Cells that leave over the edge without
    meeting a channel share label 0.
    """
    n = to.size
    tributaries = np.zeros(n, np.int32)
    for i in range(n):
        if to[i] != i and area[i] >= channel_cells:
            tributaries[to[i]] += 1
    label = np.zeros(n, np.int32)
    count = 1
    for k in range(order.size):
        i = order[k]
        r = to[i]
        if area[i] >= channel_cells and (r == i or tributaries[r] != 1):
            label[i] = count
            count += 1
        elif r != i:
            label[i] = label[r]
    return label, count
