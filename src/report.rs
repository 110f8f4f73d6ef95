//! TELL: findings as text, JSON and graphs. A report never decides.
