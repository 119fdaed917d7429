-- How organizations look to their people and callers, and under which names they are reached.
CREATE TABLE brandings (
    org_id uuid CONSTRAINT brandings_pkey PRIMARY KEY
        CONSTRAINT brandings_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- What is null is said by the organization above.
    name text CONSTRAINT brandings_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    accent_color text CONSTRAINT brandings_accent_form CHECK (accent_color ~ '^#[0-9a-f]{6}$'),
    background_color text CONSTRAINT brandings_background_form CHECK (background_color ~ '^#[0-9a-f]{6}$'),
    sender_name text CONSTRAINT brandings_sender_name_length CHECK (char_length(sender_name) BETWEEN 1 AND 100),
    sender_email text,
    support_email text,
    hide_powered_by boolean,
    -- The object that holds the logo, and what it is.
    logo_key text,
    logo_type text CONSTRAINT brandings_logo_type_known
        CHECK (logo_type IN ('image/png', 'image/webp', 'image/svg+xml')),
    updated_at timestamptz NOT NULL,
    CONSTRAINT brandings_logo_whole CHECK ((logo_key IS NULL) = (logo_type IS NULL))
);
SELECT protect_tenant_table('brandings');

CREATE TABLE domains (
    id uuid CONSTRAINT domains_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT domains_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- Lower case, punycode, no dot at the end.
    name text NOT NULL CONSTRAINT domains_name_form CHECK (name ~ '^[a-z0-9.-]{3,253}$' AND name LIKE '%.%'),
    kind text NOT NULL CONSTRAINT domains_kind_known CHECK (kind IN ('custom', 'subdomain')),
    state text NOT NULL CONSTRAINT domains_state_known CHECK (state IN ('pending', 'verified', 'failed')),
    -- In plain words, what is missing.
    reason text NOT NULL DEFAULT '',
    -- What the owner enters into the DNS.
    token text NOT NULL,
    checked_at timestamptz,
    verified_at timestamptz,
    -- Since when a check that once succeeded has failed.
    failing_since timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT domains_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT domains_name_once UNIQUE (org_id, name)
);
-- Anybody may claim a name; only one proves it. A claim that was enough by itself could be made to keep the owner out.
CREATE UNIQUE INDEX domains_name_verified ON domains (name) WHERE state = 'verified';
CREATE INDEX domains_checked ON domains (checked_at) WHERE kind = 'custom';
SELECT protect_tenant_table('domains');
