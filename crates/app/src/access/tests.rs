use uuid::Uuid;

use super::*;

const PLATFORM: OrgId = OrgId(Uuid::from_u128(1));
const PARTNER: OrgId = OrgId(Uuid::from_u128(2));
const BUSINESS: OrgId = OrgId(Uuid::from_u128(3));

fn step(id: OrgId, kind: OrgKind, role: Option<HeldRole>) -> Step {
    let parent_id = match kind {
        OrgKind::Platform => None,
        OrgKind::Partner => Some(PLATFORM),
        OrgKind::Business => Some(PARTNER),
    };
    Step { id, name: "An organization".to_owned(), kind, status: OrgStatus::Active, parent_id, role }
}

/// The way from the business up, with the roles that somebody has on it (platform, partner, business).
fn way(platform: Option<Role>, partner: Option<Role>, business: Option<Role>) -> Vec<Step> {
    vec![
        step(BUSINESS, OrgKind::Business, business.map(HeldRole::from)),
        step(PARTNER, OrgKind::Partner, partner.map(HeldRole::from)),
        step(PLATFORM, OrgKind::Platform, platform.map(HeldRole::from)),
    ]
}

/// Who somebody is on the way up; where they ask (0 the business, 1 the partner, 2 the platform); what they may there
/// and where that comes from.
type Case = ((Option<Role>, Option<Role>, Option<Role>), usize, Option<(PermissionSet, OrgId)>);

#[test]
fn rights_follow_from_ones_own_place_and_those_above() {
    use Role::{Admin, Member, Owner, PartnerAdmin, PlatformAdmin, Viewer};
    let business = PermissionSet::of_a_business();
    let partner = PermissionSet::all().without(Permission::PlatformOperate);
    let cases: [Case; 19] = [
        // Nobody.
        ((None, None, None), 0, None),
        // One's own place.
        ((None, None, Some(Owner)), 0, Some((Owner.permissions(), BUSINESS))),
        ((None, None, Some(Viewer)), 0, Some((Viewer.permissions(), BUSINESS))),
        // Never upwards.
        ((None, None, Some(Owner)), 1, None),
        ((None, None, Some(Owner)), 2, None),
        ((None, Some(PartnerAdmin), None), 2, None),
        // A partner's admin administers its businesses; its other people have nothing there.
        ((None, Some(PartnerAdmin), None), 0, Some((Admin.permissions(), PARTNER))),
        ((None, Some(PartnerAdmin), None), 1, Some((partner, PARTNER))),
        ((None, Some(Owner), None), 0, None),
        ((None, Some(Viewer), None), 0, None),
        // The platform's admin has everything that there is in each.
        ((Some(PlatformAdmin), None, None), 0, Some((business, PLATFORM))),
        ((Some(PlatformAdmin), None, None), 1, Some((partner, PLATFORM))),
        ((Some(PlatformAdmin), None, None), 2, Some((PermissionSet::all(), PLATFORM))),
        ((Some(Owner), None, None), 0, None),
        // Both: the union, acting from above when that adds something.
        ((None, Some(PartnerAdmin), Some(Member)), 0, Some((Admin.permissions(), PARTNER))),
        ((None, Some(PartnerAdmin), Some(Owner)), 0, Some((Owner.permissions(), BUSINESS))),
        ((Some(PlatformAdmin), Some(PartnerAdmin), None), 0, Some((business, PARTNER))),
        // A template where it is not for grants nothing, but is a place.
        ((None, None, Some(PlatformAdmin)), 0, Some((PermissionSet::default(), BUSINESS))),
        ((None, Some(PlatformAdmin), None), 0, None),
    ];
    for ((in_platform, in_partner, in_business), at, expect) in cases {
        let way = way(in_platform, in_partner, in_business);
        let granted = granted_to_person(&way[at..]);
        let found = granted.map(|granted| (granted.permissions, granted.home_org_id));
        assert_eq!(found, expect, "{in_platform:?} {in_partner:?} {in_business:?} at {at}");
    }
}

#[test]
fn every_permission_is_inherited_as_the_table_of_templates_says() {
    for &permission in Permission::ALL {
        for &role in Role::ALL {
            for (kind, way) in [
                (OrgKind::Platform, way(Some(role), None, None)),
                (OrgKind::Partner, way(None, Some(role), None)),
            ] {
                let may = granted_to_person(&way).is_some_and(|granted| granted.permissions.has(permission));
                let expect = fits(role, kind)
                    && role.child_permissions().has(permission)
                    && most_in(OrgKind::Business).has(permission);
                assert_eq!(may, expect, "{permission} by {role} of a {kind:?} in a business");
            }
        }
    }
}

#[test]
fn an_own_role_grants_below_what_it_says_and_no_more() {
    let child_permissions = PermissionSet::of_names(["calls:read", "platform:operate"]);
    let held = HeldRole {
        role: Some(RoleRef::Own(domain::ids::RoleId(Uuid::from_u128(9)))),
        name: "Support".to_owned(),
        permissions: PermissionSet::of_names(["businesses:read"]),
        child_permissions,
    };
    let mut way = way(None, None, None);
    way[1].role = Some(held);
    let granted = granted_to_person(&way).expect("something to do with it");
    assert_eq!((granted.permissions.names(), granted.role.as_str()), (vec!["calls:read"], "Support"));
    assert!(granted.child_permissions.is_empty(), "a business has nothing below");
    let at_home = granted_to_person(&way[1..]).expect("a place");
    assert_eq!(at_home.child_permissions, child_permissions);
}

#[test]
fn who_may_change_nothing_at_home_changes_nothing_below() {
    let mut way = way(None, Some(Role::PartnerAdmin), None);
    way[1].status = OrgStatus::Suspended;
    let granted = granted_to_person(&way).expect("something to look at");
    assert_eq!(granted.permissions, Role::Admin.permissions().reading());
    way[1].status = OrgStatus::Closed;
    assert_eq!(granted_to_person(&way), None);
}

#[test]
fn a_role_that_is_not_known_allows_nothing() {
    let unknown = HeldRole {
        role: None,
        name: "emperor".to_owned(),
        permissions: Default::default(),
        child_permissions: Default::default(),
    };
    let way = [step(BUSINESS, OrgKind::Business, Some(unknown))];
    let granted = granted_to_person(&way).expect("a place");
    assert!(granted.permissions.is_empty());
}

#[test]
fn a_key_reaches_its_own_organization_and_those_below() {
    let terms = KeyTerms {
        name: "Sync".to_owned(),
        permissions: PermissionSet::of_names(["businesses:read", "platform:operate"]),
        child_permissions: PermissionSet::of_names(["calls:read", "businesses:read"]),
        allowed_networks: Vec::new(),
        expires_at: None,
    };
    let way = way(None, None, None);
    let names = |at: usize, org| {
        granted_to_key(&way[at..], org, &terms)
            .map(|granted| (granted.permissions.names(), granted.home_org_id))
    };
    assert_eq!(names(1, PARTNER), Some((vec!["businesses:read"], PARTNER)));
    assert_eq!(names(0, PARTNER), Some((vec!["calls:read"], PARTNER)));
    assert_eq!(names(2, PARTNER), None);
    assert_eq!(names(0, BUSINESS), Some((vec![], BUSINESS)));
    assert_eq!(names(1, BUSINESS), None);
}
