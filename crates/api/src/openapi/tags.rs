//! What the groups of operations are about, for readers of the document.

/// Each tag with its description, in the order of the reference.
pub(super) const TAGS: &[(&str, &str)] = &[
    (
        "auth",
        "Signing in and out, refreshing a session, second factors, single sign-on, forgotten passwords.",
    ),
    ("account", "The signed-in person: name, address, password, sessions, second factor."),
    (
        "organizations",
        "The organization itself with its plan and progress, and those below it: partners and businesses.",
    ),
    ("plans", "The catalogue of plans."),
    ("branding", "Name, logo, colours and sender of an organization."),
    ("domains", "Host names of an organization, and proving that they are its own."),
    ("members", "The people of an organization."),
    ("roles", "What people may do: templates and roles of one's own."),
    ("api-keys", "Keys for programs."),
    ("audit", "Who did what, from where."),
    ("agents", "The voices that answer: drafts, versions, publishing and rolling back."),
    ("numbers", "Phone numbers and what a caller gets at which hour."),
    ("lead-questions", "What the agent asks people who are interested."),
    ("knowledge", "Questions and answers that the agent knows."),
    ("clients", "The customers of the business, and what they are recognised by."),
    ("projects", "What the business works on for its clients."),
    ("change-requests", "Clients who asked for more than was agreed."),
    ("leads", "People who became interested during a call."),
    ("calls", "Calls with their turns, events, recordings, and calls as they happen."),
    ("incidents", "What could not wait, who was called about it, and who takes care."),
    ("messages", "Messages that callers left."),
    ("satisfaction", "What clients say of the service."),
    ("notification-settings", "Who is told of what, and how."),
    ("notifications", "What people were told, what could not be sent, and a test."),
    ("webhooks", "Telling other programs what happens: endpoints, deliveries, replays."),
    (
        "compat",
        "Paths of the older documents, kept for programs written for them. New programs use `/api/v1`.",
    ),
    ("voice", "Where the telephone carrier meets the server. Not for other programs."),
    ("health", "Whether the server is well."),
    ("meta", "The description of the API itself."),
];
