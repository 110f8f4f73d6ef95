//! Numbers for people.

/// Three digits and a unit of time.
pub(super) fn time(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{} µs", digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", digits(value / 1e6)),
        _ => format!("{} s", digits(value / 1e9)),
    }
}

/// Three digits and a unit of memory.
pub(super) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", digits(value / 1024.0)),
        1_048_576..1_073_741_824 => format!("{} MiB", digits(value / 1_048_576.0)),
        _ => format!("{} GiB", digits(value / 1_073_741_824.0)),
    }
}

/// A count, its thousands apart.
pub(super) fn count(count: u64) -> String {
    let plain = count.to_string();
    let mut text = String::new();
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits of a number from 1 to 1023.
pub(super) fn digits(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        assert_eq!([0, 999, 1_000, 9_995, 123_456].map(time), ["0 ns", "999 ns", "1.00 µs", "10.0 µs", "123 µs"]);
        assert_eq!([1_500_000, 2_000_000_000, 75_300_000_000].map(time), ["1.50 ms", "2.00 s", "75.3 s"]);
        assert_eq!([512, 1_024, 10_240, 3 << 30].map(bytes), ["512 B", "1.00 KiB", "10.0 KiB", "3.00 GiB"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
