"""How lazy pixels are pulled: grids, warps, neighbourhoods, stacks, zones, tiles."""
