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
    deadlock: ab_ba, ab_ba_async, ab_ba_blocked, ab_ba_blocked_async, dining_philosophers, dining_philosophers_async,
        double_lock, double_lock_async, drop_under_lock, informant, lazy_reentrant, lazy_reentrant_async, log_rotation,
        order_outlives_guard, read_then_write, read_then_write_async, recursive_read, sharded_map, start_up_order;
    waiting: barrier_party_dies, barrier_party_dies_async, channel_full, channel_full_async, join_each_other,
        join_each_other_async, join_under_lock, join_under_lock_async, joins_itself, lock_never_released, lost_wakeup,
        lost_wakeup_async, no_room_at_all, no_room_at_all_async, own_sender, own_sender_async, pool_of_waiters,
        part_of_the_program, second_connection, second_connection_async, timer_needs_lock, timer_needs_lock_async,
        unpark_before_flag, unpark_before_flag_async, wait_with_second_lock, wait_with_second_lock_async,
        wakeup_swallowed, wakeup_swallowed_async;
    polling: guard_kept_waiting, guard_kept_waiting_async, result_before_work, result_before_work_async,
        sleep_on_the_worker, sleep_on_the_worker_async, timeout_then_lock, timeout_then_lock_async;
    race: guard_thrown_away, relaxed_publication, unsynchronised_counter, used_before_finished,
        used_before_finished_async;
    atomicity: half_transfer, half_transfer_async, mark_bit_wiped, proposed_twice, session_replaced;
}
