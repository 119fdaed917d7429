//! How much one address and one organization may ask for.
//!
//! Addresses are counted in this process, in two buckets: everything, and what anybody may try without being signed
//! in (signing in, resetting a password, accepting an invitation). The carrier's own routes are not counted by
//! address: all calls come from the same few; they have a limit of sockets, of size and of time. An organization's
//! requests of a day are counted when a program makes them, that is with `Authorization: Bearer`; what the dashboard
//! asks for with its cookie is not counted, as people can't know how many requests a click makes.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::rate_limits::{DailyAllowance, Usage};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::plans::Limit;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::auth::credentials;
use crate::auth::tenant::{Known, SignedIn};
use crate::contract::Operations;
use crate::problem::ApiError;
use crate::state::{ApiState, RequestLimits};

/// The window of the limits by address.
const WINDOW_S: u64 = 60;
/// The window of the limit by organization.
const DAY_S: u64 = 86_400;
/// Addresses that are remembered before the idle ones are looked for.
const ROOM: usize = 10_000;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What answers say of limits.
pub(crate) const HEADERS: [HeaderName; 4] = [LIMIT, REMAINING, RESET, POLICY];

/// Time since the start, which no correction of the machine's clock can move.
#[derive(Debug, Clone)]
struct Uptime(tokio::time::Instant);

impl Clock for Uptime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

type Buckets = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, Uptime, StateInformationMiddleware>;

/// One bucket for each address: a minute's requests at once, refilled evenly (GCRA).
struct PerAddress {
    buckets: Buckets,
    clock: Uptime,
    most: NonZeroU32,
    /// Idle addresses are forgotten when there are more than this.
    room: AtomicUsize,
}

impl PerAddress {
    fn new(most: NonZeroU32) -> Self {
        let clock = Uptime(tokio::time::Instant::now());
        let buckets = RateLimiter::dashmap_with_clock(Quota::per_minute(most), clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        Self { buckets, clock, most, room: AtomicUsize::new(ROOM) }
    }

    fn take(&self, address: IpAddr) -> Standing {
        self.make_room();
        let most = u64::from(self.most.get());
        match self.buckets.check_key(&address) {
            Ok(snapshot) => {
                let remaining = u64::from(snapshot.remaining_burst_capacity());
                let used = most.saturating_sub(remaining);
                Standing { most, remaining, reset_s: (used * WINDOW_S).div_ceil(most), retry_after_s: None }
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                let retry_after_s = rounded_up(wait);
                Standing { most, remaining: 0, reset_s: WINDOW_S, retry_after_s: Some(retry_after_s) }
            }
        }
    }

    /// Looks for idle addresses each time that their number has doubled, so that looking costs little for each.
    fn make_room(&self) {
        let room = self.room.load(Ordering::Relaxed);
        if self.buckets.len() > room
            && self.room.compare_exchange(room, usize::MAX, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
            self.room.store((self.buckets.len() * 2).max(ROOM), Ordering::Relaxed);
        }
    }
}

/// Where a sender stands with one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    most: u64,
    remaining: u64,
    reset_s: u64,
    /// Set when the request came too early.
    retry_after_s: Option<u64>,
}

/// The limits by address of this process.
pub(crate) struct AddressLimits {
    all: PerAddress,
    strangers: PerAddress,
}

impl AddressLimits {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        let at_least_one = |most: u32| NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
        Self {
            all: PerAddress::new(at_least_one(limits.per_address)),
            strangers: PerAddress::new(at_least_one(limits.by_strangers)),
        }
    }

    fn take(&self, address: IpAddr, by_stranger: bool) -> Standing {
        let all = self.all.take(network(address));
        if all.retry_after_s.is_none() && by_stranger { self.strangers.take(network(address)) } else { all }
    }
}

/// What the limits by address need.
#[derive(Clone)]
pub(crate) struct AddressGuard {
    pub(crate) state: ApiState,
    pub(crate) operations: Arc<Operations>,
    pub(crate) limits: Arc<AddressLimits>,
}

/// Slows down an address that asks too much.
pub(crate) async fn by_address(State(guard): State<AddressGuard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let address = credentials::address(&parts, &guard.state.settings);
    let request = Request::from_parts(parts, body);
    let facts = guard.operations.find(&request);
    let path = request.uri().path();
    // Orchestrators ask every second, and carriers from few addresses.
    let is_exempt = path.starts_with("/health/")
        || path.starts_with("/api/voice/")
        || path.starts_with("/api/webhooks/")
        || facts.is_some_and(|facts| facts.carrier);
    let Some(address) = address.filter(|_| !is_exempt) else { return next.run(request).await };
    let by_stranger = facts.is_some_and(|facts| facts.public && facts.changes);
    let standing = guard.limits.take(address, by_stranger);
    let mut response = match standing.retry_after_s {
        Some(retry_after_s) => {
            ApiError::RateLimited { retry_after_s, reason: "too many requests from this address".to_owned() }
                .into_response()
        }
        None => next.run(request).await,
    };
    describe(response.headers_mut(), standing, WINDOW_S);
    response
}

/// Counts a program's request for its organization's plan.
pub(crate) async fn by_plan(
    State((state, operations)): State<(ApiState, Arc<Operations>)>,
    request: Request,
    next: Next,
) -> Response {
    let counts = operations.find(&request).is_some_and(|facts| !facts.public && !facts.carrier)
        && credentials::bearer(request.headers()).is_some();
    if !counts {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Whoever can't be identified is told so by the handler's own extractor.
    let identity = SignedIn::from_request_parts(&mut parts, &state).await.ok();
    let Some(SignedIn(identity)) = identity else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let plan = &identity.entitlements;
    let allowance = plan
        .limit(Limit::ApiRequestsPerDay)
        .map(|most| DailyAllowance { most, charges_more: plan.charges_api_requests });
    let org_id = identity.org.id;
    parts.extensions.insert(Known(identity));
    let request = Request::from_parts(parts, body);
    let Some(allowance) = allowance else { return next.run(request).await };
    let usage = state.app.api_usage.take(org_id, state.app.ambient.now(), allowance).await;
    let mut response = if usage.admitted { next.run(request).await } else { used_up(allowance, usage) };
    let standing = Standing {
        most: allowance.most,
        remaining: usage.remaining,
        reset_s: usage.reset_s,
        retry_after_s: None,
    };
    describe(response.headers_mut(), standing, DAY_S);
    response
}

fn used_up(allowance: DailyAllowance, usage: Usage) -> Response {
    let reason = format!("the plan's {} requests of the day (UTC) are used up", allowance.most);
    ApiError::RateLimited { retry_after_s: usage.reset_s, reason }.into_response()
}

/// Names every limit in the policy, and the one that is closest in the figures.
fn describe(headers: &mut HeaderMap, standing: Standing, window_s: u64) {
    let number = |name: &HeaderName| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let share = |remaining: u64, most: u64| u128::from(remaining) * 1_000_000 / u128::from(most.max(1));
    let is_closest = match (number(&REMAINING), number(&LIMIT)) {
        (Some(remaining), Some(most)) => share(standing.remaining, standing.most) < share(remaining, most),
        _ => true,
    };
    let earlier = headers.get(POLICY).and_then(|value| value.to_str().ok());
    let policy = format!("{};w={window_s}", standing.most);
    let policy = earlier.map_or_else(|| policy.clone(), |earlier| format!("{earlier}, {policy}"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(POLICY, policy);
    }
    if is_closest {
        headers.insert(LIMIT, standing.most.into());
        headers.insert(REMAINING, standing.remaining.into());
        headers.insert(RESET, standing.reset_s.into());
    }
}

fn rounded_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_address: u32, by_strangers: u32) -> AddressLimits {
        AddressLimits::new(RequestLimits { per_address, by_strangers })
    }

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[tokio::test(start_paused = true)]
    async fn an_address_has_a_minutes_requests_at_once_and_gets_them_back_evenly() {
        let limits = limits(60, 60);
        let first = limits.take(OFFICE, false);
        assert_eq!(first, Standing { most: 60, remaining: 59, reset_s: 1, retry_after_s: None });
        for _ in 1..60 {
            assert_eq!(limits.take(OFFICE, false).retry_after_s, None);
        }
        assert_eq!(limits.take(OFFICE, false).retry_after_s, Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.take(OFFICE, false).retry_after_s, None);
        assert_eq!(limits.take(OFFICE, false).retry_after_s, Some(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(limits.take(OFFICE, false).remaining, 59);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_fewer() {
        let limits = limits(100, 3);
        let tried = (0..10).filter(|_| limits.take(OFFICE, true).retry_after_s.is_none()).count();
        assert_eq!(tried, 3);
        assert_eq!(limits.take(OFFICE, false).retry_after_s, None, "who is signed in goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_ipv6_network_counts_as_one_address() {
        let limits = limits(5, 5);
        let from = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
        let tried = (0..50).filter(|&host| limits.take(from(host), false).retry_after_s.is_none()).count();
        assert_eq!(tried, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_addresses_are_forgotten() {
        let limits = PerAddress::new(NonZeroU32::MIN);
        for n in 0..=u32::try_from(ROOM).expect("small") {
            limits.take(IpAddr::V4(n.into()));
        }
        tokio::time::advance(Duration::from_secs(120)).await;
        limits.take(OFFICE);
        assert!(limits.buckets.len() < 3, "{}", limits.buckets.len());
    }

    #[test]
    fn the_closest_limit_is_shown_and_all_are_named() {
        let mut headers = HeaderMap::new();
        let standing = |most, remaining| Standing { most, remaining, reset_s: 9, retry_after_s: None };
        describe(&mut headers, standing(5_000, 10), DAY_S);
        describe(&mut headers, standing(60, 50), WINDOW_S);
        assert_eq!(headers[POLICY], "5000;w=86400, 60;w=60");
        assert_eq!(
            (&headers[LIMIT], &headers[REMAINING]),
            (&"5000".parse().unwrap(), &"10".parse().unwrap())
        );
        describe(&mut headers, standing(60, 0), WINDOW_S);
        assert_eq!(headers[LIMIT], "60");
    }
}
