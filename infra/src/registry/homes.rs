//! Homes and how they are lived in, as they are remembered.
