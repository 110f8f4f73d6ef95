//! One stream of events in, the chosen analyses over it, findings out.
