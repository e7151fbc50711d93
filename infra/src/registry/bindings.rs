//! Home bindings, as they are remembered.
