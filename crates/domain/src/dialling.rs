//! Which numbers a program may call: none that costs more than a call, and none that brings the fire brigade.
//!
//! Numbers are E.164 and have at least eight digits, so that short codes (911, 112, 0900 without a country) never get
//! this far.

use crate::phone::PhoneNumber;

/// Beginnings of numbers that are charged for specially: premium and shared-cost services, personal numbers, networks
/// of satellites. By country code, from the national numbering plans (November 2026).
const CHARGED: &[&str] = &[
    // North America: 900 and 976 services.
    "+1900", "+1976", // Caribbean area codes that one-ring frauds live on.
    "+1268", "+1284", "+1473", "+1649", "+1664", "+1767", "+1809", "+1829", "+1849", "+1876",
    // United Kingdom.
    "+4470", "+4484", "+4487", "+449", // Germany, Austria, Switzerland.
    "+49137", "+49180", "+49190", "+49700", "+49900", "+43810", "+43820", "+43821", "+43900", "+43901",
    "+43930", "+43931", "+4184", "+41900", "+41901", "+41906",
    // France, Spain, Italy, the Netherlands, Belgium.
    "+3381", "+3382", "+3389", "+34803", "+34806", "+34807", "+34905", "+39199", "+39892", "+39899", "+31900",
    "+31906", "+31909", "+3290", // Satellites and international services.
    "+870", "+878", "+881", "+882", "+883", "+979",
];

/// Emergency numbers behind a country code, which some networks put through.
const EMERGENCY: &[&str] = &["112", "911", "999", "110", "118", "000", "111"];

/// Whether a program may call the number.
#[must_use]
pub fn may_be_called(number: &PhoneNumber) -> bool {
    let number = number.as_str();
    if CHARGED.iter().any(|start| number.starts_with(start)) {
        return false;
    }
    // One to three digits of country code and an emergency number, nothing else.
    let digits = number.trim_start_matches('+');
    !(1..=3).any(|code| digits.get(code..).is_some_and(|rest| EMERGENCY.contains(&rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_specially_is_not_called() {
        for (number, expect) in [
            ("+15135550142", true),
            ("+442079460000", true),
            ("+4915112345678", true),
            ("+18095550100", false),
            ("+19005550100", false),
            ("+4490912345678", false),
            ("+497001234567", false),
            ("+881612345678", false),
        ] {
            let number = PhoneNumber::parse(number, None).unwrap();
            assert_eq!(may_be_called(&number), expect, "{number:?}");
        }
        // Too short to be a number at all.
        assert!(PhoneNumber::parse("911", Some("US")).is_err());
        assert!(PhoneNumber::parse("+49112", None).is_err());
    }
}
