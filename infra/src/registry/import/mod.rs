//! Imports, as they are remembered.
