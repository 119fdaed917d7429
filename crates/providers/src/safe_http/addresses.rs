//! Which addresses of the Internet are everybody's, and which are ours, our neighbours' or nobody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 that is not for everybody: IANA's special-purpose registry (2026-11), multicast, reserved.
const SPECIAL_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by carriers"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    // The network's virtual host of Azure, public by number only.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "the cloud's own"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "of the AS112 service"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "of 6to4 relays"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "of the AS112 service"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// IPv6 that is given out to networks; everything else is special.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What of that is special all the same.
const SPECIAL_V6: &[(Ipv6Addr, u8, &str)] = &[
    // Teredo, ORCHID, benchmarks: all may hide another address.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4, which hides an IPv4 address"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "of the AS112 service"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

fn contains(net: impl Into<IpAddr>, length: u8, address: IpAddr) -> bool {
    IpNet::new(net.into(), length).is_ok_and(|net| net.contains(&address))
}

/// Says why an address is not for everybody; `None` when it is.
#[must_use]
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    // An IPv4 address in IPv6 clothes is what it is.
    match address.to_canonical() {
        address @ IpAddr::V4(_) => SPECIAL_V4
            .iter()
            .find(|&&(net, length, _)| contains(net, length, address))
            .map(|&(_, _, what)| what),
        address @ IpAddr::V6(_) if contains(GLOBAL_V6.0, GLOBAL_V6.1, address) => SPECIAL_V6
            .iter()
            .find(|&&(net, length, _)| contains(net, length, address))
            .map(|&(_, _, what)| what),
        IpAddr::V6(_) => Some("local, translated or reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, public: bool) {
        let parsed: IpAddr = address.parse().expect("an address");
        assert_eq!(special(parsed).is_none(), public, "{address}: {:?}", special(parsed));
    }

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn the_first_and_the_last_of_every_special_range_are_refused() {
        for &(net, length, _) in SPECIAL_V4 {
            let net = ipnet::Ipv4Net::new(net, length).expect("a range");
            for address in [net.network(), net.broadcast()] {
                check(&address.to_string(), false);
                check(&address.to_ipv6_mapped().to_string(), false);
            }
        }
        for &(net, length, _) in SPECIAL_V6 {
            let net = ipnet::Ipv6Net::new(net, length).expect("a range");
            check(&net.network().to_string(), false);
            check(&net.broadcast().to_string(), false);
        }
        for address in [
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a9fe:a9fe",
            "100::1",
            "2002:7f00:1::",
            "2001:0:7f00:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "5f00::1",
            "4000::1",
            "1fff::1",
        ] {
            check(address, false);
        }
    }
}
