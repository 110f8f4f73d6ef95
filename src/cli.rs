//! RUN: the command. Only here are arguments parsed, things printed and exit codes chosen.
