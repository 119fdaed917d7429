-- The tree of tenants: one platform, its partners and direct businesses, the partners' businesses.
CREATE TABLE organizations (
    id uuid CONSTRAINT organizations_pkey PRIMARY KEY,
    kind text NOT NULL CONSTRAINT organizations_kind_known CHECK (kind IN ('platform', 'partner', 'business')),
    parent_id uuid CONSTRAINT organizations_parent_fkey REFERENCES organizations (id),
    name text NOT NULL CONSTRAINT organizations_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'trial'
        CONSTRAINT organizations_status_known CHECK (status IN ('trial', 'active', 'past_due', 'suspended', 'closed')),
    timezone text NOT NULL DEFAULT 'UTC',
    default_country text NOT NULL DEFAULT 'US',
    currency text NOT NULL DEFAULT 'USD',
    contact_name text,
    transfer_to text,
    notification_email text,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organizations_parent_by_kind CHECK ((kind = 'platform') = (parent_id IS NULL))
);
CREATE UNIQUE INDEX organizations_one_platform ON organizations (kind) WHERE kind = 'platform';
CREATE INDEX organizations_parent ON organizations (parent_id);
SELECT protect_tenant_table('organizations', 'id');
-- A tenant comes and goes through the system only.
REVOKE INSERT, DELETE ON organizations FROM studioconnect_app;
