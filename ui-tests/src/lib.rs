//! Cases live in `pass/` and `fail/`.
