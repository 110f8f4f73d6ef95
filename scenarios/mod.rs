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
    deadlock: ab_ba, ab_ba_blocked, dining_philosophers, double_lock, drop_under_lock, informant,
        lazy_reentrant, log_rotation, order_outlives_guard, read_then_write, recursive_read, sharded_map,
        start_up_order;
    waiting: barrier_party_dies, channel_full, join_each_other, join_under_lock, joins_itself,
        lock_never_released, lost_wakeup, no_room_at_all, own_sender, pool_of_waiters, part_of_the_program,
        second_connection, timer_needs_lock, unpark_before_flag, wait_with_second_lock, wakeup_swallowed;
    polling: guard_kept_waiting, result_before_work, sleep_on_the_worker, timeout_then_lock;
    race: guard_thrown_away, relaxed_publication, unsynchronised_counter, used_before_finished;
    atomicity: half_transfer, mark_bit_wiped, proposed_twice, session_replaced;
}
