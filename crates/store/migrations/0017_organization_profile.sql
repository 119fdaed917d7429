-- What an organization says of itself, where it stands and since when, and how far its set-up has come.
ALTER TABLE organizations
    ADD COLUMN locale text NOT NULL DEFAULT 'en-US',
    -- Null: no hours were given, and calls are treated as if it were always open.
    ADD COLUMN business_hours jsonb,
    ADD COLUMN notification_phone text
        CONSTRAINT organizations_notification_phone_form CHECK (notification_phone ~ '^\+[1-9][0-9]{6,14}$'),
    ADD COLUMN primary_domain text,
    ADD COLUMN trial_ends_at timestamptz,
    -- Why it stands where it stands, in the words of whoever decided it.
    ADD COLUMN status_reason text NOT NULL DEFAULT ''
        CONSTRAINT organizations_status_reason_length CHECK (char_length(status_reason) <= 1000),
    ADD COLUMN status_changed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN onboarded_at timestamptz;

-- Lists of those below, newest first. The id begins with its time.
CREATE INDEX organizations_below ON organizations (parent_id, id DESC);
DROP INDEX organizations_parent;
-- Few at any time: the trials that an hourly job looks through.
CREATE INDEX organizations_trials ON organizations (trial_ends_at) WHERE status = 'trial';

-- An organization describes itself; its place in the tree, its plan and its standing are decided above it.
REVOKE UPDATE ON organizations FROM studioconnect_app;
GRANT UPDATE (name, timezone, default_country, currency, locale, contact_name, transfer_to, notification_email,
              notification_phone, business_hours, primary_domain, settings, onboarded_at, updated_at)
    ON organizations TO studioconnect_app;

-- What of the set-up can't be read off other records.
CREATE TABLE onboarding (
    org_id uuid CONSTRAINT onboarding_pkey PRIMARY KEY
        CONSTRAINT onboarding_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- Steps that somebody chose to pass over.
    skipped text[] NOT NULL DEFAULT '{}',
    -- The first webhook of the carrier whose signature fitted.
    webhook_verified_at timestamptz
);
SELECT protect_tenant_table('onboarding');

-- Whether an agent takes the call, or only a spoken sentence and a recorded message. Only the former takes one of
-- the lines that a plan has.
ALTER TABLE calls
    ADD COLUMN handling text NOT NULL DEFAULT 'agent'
        CONSTRAINT calls_handling_known CHECK (handling IN ('agent', 'message', 'forward'));
CREATE INDEX calls_live ON calls (org_id) WHERE finalized_at IS NULL AND handling = 'agent';
