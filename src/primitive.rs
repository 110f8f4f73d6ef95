//! The one seam between the real primitives and those of loom; the only file that names the loom cfg.
