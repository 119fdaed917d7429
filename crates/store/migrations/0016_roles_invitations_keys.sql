-- Who may do what: an organization's own roles, invitations to join it, and programs' keys.
CREATE TABLE roles (
    id uuid CONSTRAINT roles_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT roles_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT roles_name_length CHECK (char_length(name) BETWEEN 1 AND 80),
    description text NOT NULL DEFAULT '' CONSTRAINT roles_description_length CHECK (char_length(description) <= 500),
    permissions text[] NOT NULL,
    -- What it grants in the organizations below.
    child_permissions text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT roles_org_id_unique UNIQUE (org_id, id)
);
CREATE UNIQUE INDEX roles_name_unique ON roles (org_id, lower(name));
SELECT protect_tenant_table('roles');

-- A member has a template by its name, or one of the organization's own roles.
ALTER TABLE members
    ADD COLUMN role_id uuid,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT members_role_fkey FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id),
    ADD CONSTRAINT members_role_own CHECK ((role = 'own') = (role_id IS NOT NULL));
CREATE INDEX members_role ON members (org_id, role_id) WHERE role_id IS NOT NULL;
CREATE INDEX members_newest ON members (org_id, created_at DESC, user_id DESC);

CREATE TABLE invitations (
    id uuid CONSTRAINT invitations_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT invitations_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    email text NOT NULL CONSTRAINT invitations_email_length CHECK (char_length(email) BETWEEN 3 AND 320),
    role text NOT NULL,
    role_id uuid,
    -- Only the hash: a stolen copy of this table lets nobody in.
    token_hash bytea NOT NULL CONSTRAINT invitations_token_unique UNIQUE,
    -- No foreign key: the invitation outlives the inviter's account. None: a program or the system.
    invited_by uuid,
    created_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT invitations_role_fkey FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id),
    CONSTRAINT invitations_role_own CHECK ((role = 'own') = (role_id IS NOT NULL)),
    CONSTRAINT invitations_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
-- One open invitation for an address.
CREATE UNIQUE INDEX invitations_open_unique ON invitations (org_id, lower(email))
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_newest ON invitations (org_id, created_at DESC, id DESC);
SELECT protect_tenant_table('invitations');
REVOKE SELECT ON invitations FROM studioconnect_app;
GRANT SELECT (id, org_id, email, role, role_id, invited_by, created_at, sent_at, expires_at, accepted_at, revoked_at)
    ON invitations TO studioconnect_app;

CREATE TABLE api_keys (
    id uuid CONSTRAINT api_keys_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT api_keys_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT api_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    key_hash bytea NOT NULL CONSTRAINT api_keys_hash_unique UNIQUE,
    -- Its beginning and end, by which people tell their keys apart.
    hint text NOT NULL,
    permissions text[] NOT NULL,
    child_permissions text[] NOT NULL DEFAULT '{}',
    -- Address ranges it may be used from; none means from everywhere.
    allowed_networks text[] NOT NULL DEFAULT '{}',
    -- No foreign key: the key outlives its maker's account. None: a program or the system.
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    last_used_ip text,
    revoked_at timestamptz,
    CONSTRAINT api_keys_org_id_unique UNIQUE (org_id, id)
);
CREATE INDEX api_keys_newest ON api_keys (org_id, created_at DESC, id DESC);
SELECT protect_tenant_table('api_keys');
-- Who may list keys need not read even their hashes.
REVOKE SELECT ON api_keys FROM studioconnect_app;
GRANT SELECT (id, org_id, name, hint, permissions, child_permissions, allowed_networks, created_by, created_at,
              updated_at, expires_at, last_used_at, last_used_ip, revoked_at)
    ON api_keys TO studioconnect_app;
REVOKE DELETE ON api_keys FROM studioconnect_app;

-- The log is asked for one person's doings, and swept by age.
CREATE INDEX audit_log_person ON audit_log (org_id, user_id, at DESC, id DESC);
CREATE INDEX audit_log_age ON audit_log (at);
