//! Merge rules as an application meets them: edits that read, maps, and a rule of its own.

mod rules {
    mod conflicts;
    mod edits;
    mod first_write;
    mod forged;
    mod laws;
    mod life;
    mod lists;
    mod merging;
    mod nested;
    mod nested_entries;
    mod ordered;
    mod own;
    mod pages;
    mod past;
    mod pending;
    mod policy;
    mod support;
    mod text;
    mod transactions;
    mod undone;
}
