//! Numbers, amounts and times as people read them.

use alloy_primitives::U256;
use maud::{Markup, html};

/// Digits after the point of ETH and of gwei.
const ETH_DECIMALS: usize = 18;
const GWEI_DECIMALS: usize = 9;

/// Wei as ETH, exactly, without trailing zeros.
pub(crate) fn eth(wei: U256) -> String {
    format!("{} ETH", decimal(wei, ETH_DECIMALS))
}

/// Wei as gwei, exactly, without trailing zeros.
pub(crate) fn gwei(wei: U256) -> String {
    format!("{} gwei", decimal(wei, GWEI_DECIMALS))
}

fn decimal(amount: U256, decimals: usize) -> String {
    let digits = format!("{amount:0>width$}", amount = amount.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => group(whole),
        fraction => format!("{}.{fraction}", group(whole)),
    }
}

/// A number with its thousands set apart.
pub(crate) fn number(number: u64) -> String {
    group(&number.to_string())
}

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The beginning and the end of a hash or an address.
pub(crate) fn short(hex: &str) -> String {
    match (hex.get(..8), hex.get(hex.len().saturating_sub(6)..)) {
        (Some(head), Some(tail)) if hex.len() > 20 => format!("{head}…{tail}"),
        _ => hex.to_owned(),
    }
}

/// How long ago, in the largest unit that fits.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", number(seconds / 86_400)),
    }
}

/// A time as an age that the script keeps current, with the date to hover over.
pub(crate) fn age(timestamp: u64, now: u64) -> Markup {
    html! {
        time data-t=(timestamp) title=(date(timestamp)) { (span(now.saturating_sub(timestamp))) " ago" }
    }
}

/// `2026-11-22 14:27:03 UTC`.
pub(crate) fn date(timestamp: u64) -> String {
    let (days, second) = (timestamp / 86_400, timestamp % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970. Counts in years that begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(eth(U256::ZERO), "0 ETH");
        assert_eq!(eth(U256::from(1)), "0.000000000000000001 ETH");
        assert_eq!(eth(U256::from(1_500_000_000_000_000_000u64)), "1.5 ETH");
        assert_eq!(eth(U256::from(12_345u64) * U256::from(10).pow(U256::from(18))), "12,345 ETH");
        assert_eq!(gwei(U256::from(1_000_000_007u64)), "1.000000007 gwei");
        assert!(eth(U256::MAX).ends_with(".584007913129639935 ETH"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_709_251_199), "2024-02-29 23:59:59 UTC");
        assert_eq!(date(1_735_689_600), "2025-01-01 00:00:00 UTC");
    }

    #[test]
    fn numbers_and_spans_read_well() {
        assert_eq!([number(0), number(999), number(1_000), number(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([span(119), span(120), span(7_200), span(172_800)], ["119 s", "2 min", "2 h", "2 days"]);
        assert_eq!(short("0x1234567890abcdef1234567890abcdef12345678"), "0x123456…345678");
        assert_eq!(short("ééé"), "ééé");
    }
}
