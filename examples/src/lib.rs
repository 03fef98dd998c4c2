//! Programs live beside this file.
