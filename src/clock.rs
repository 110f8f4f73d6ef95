//! Vector clocks and epochs: pure values, no input or output.
