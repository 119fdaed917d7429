-- People sign in once and may belong to several organizations.
CREATE TABLE users (
    id uuid CONSTRAINT users_pkey PRIMARY KEY,
    email text NOT NULL CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 320),
    name text NOT NULL,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- Addresses are kept as typed and compared without case.
CREATE UNIQUE INDEX users_email_unique ON users (lower(email));

CREATE TABLE members (
    org_id uuid NOT NULL CONSTRAINT members_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL CONSTRAINT members_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT members_pkey PRIMARY KEY (org_id, user_id)
);
CREATE INDEX members_user ON members (user_id);
SELECT protect_tenant_table('members');

-- A tenant sees the people that are its members, and nobody's password.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY fellow_members ON users FOR SELECT TO studioconnect_app
    USING (EXISTS (SELECT FROM members WHERE members.user_id = users.id));
CREATE POLICY system ON users TO studioconnect_system USING (true) WITH CHECK (true);
GRANT SELECT (id, email, name, created_at, updated_at) ON users TO studioconnect_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO studioconnect_system;

-- Only the hash of a session's token is kept: a stolen copy of this table signs nobody in.
CREATE TABLE sessions (
    id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    org_id uuid NOT NULL CONSTRAINT sessions_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    token_hash bytea NOT NULL CONSTRAINT sessions_token_unique UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    ip text,
    user_agent text
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
-- Looked up before any tenant is known, so only the system may.
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON sessions TO studioconnect_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO studioconnect_system;
