//! Estates, groups of estates, grids and buildings, as they are remembered.
