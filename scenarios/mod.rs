//! The registry of scenarios: one line a group. A scenario is listed here and lives in `GROUP/NAME.rs`.

use super::Scenario;

macro_rules! scenarios {
    ($($group:ident: $($name:ident),+;)+) => {
        $(mod $group { $(pub(super) mod $name;)+ })+

        /// All of them, in this order.
        pub(super) fn scenarios() -> Vec<Scenario> {
            vec![$($(Scenario::new(
                stringify!($group),
                stringify!($name),
                include_str!(concat!(stringify!($group), "/", stringify!($name), ".rs")),
                $group::$name::buggy,
                $group::$name::fixed,
            ),)+)+]
        }
    };
}

scenarios! {
    deadlock: ab_ba;
}
