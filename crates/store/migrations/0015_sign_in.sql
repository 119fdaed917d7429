-- Signing in: short access tokens over rotating refresh tokens, second factors, one-time links, guarded tries,
-- single sign-on. Most of it is looked up before any tenant is known, so only the system may.
CREATE FUNCTION protect_system_table(protected regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format('CREATE POLICY system ON %s TO studioconnect_system USING (true) WITH CHECK (true)', protected);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO studioconnect_system', protected);
END
$$;
REVOKE EXECUTE ON FUNCTION protect_system_table(regclass) FROM PUBLIC;

-- A session is now a family of refresh tokens. The opaque token of the release before is no longer written; its
-- column stays until that release runs nowhere.
ALTER TABLE sessions
    ALTER COLUMN token_hash DROP NOT NULL,
    -- Whatever is renewed, nobody stays signed in beyond this moment.
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN last_seen_at timestamptz,
    ADD COLUMN revoked_why text,
    ADD COLUMN method text NOT NULL DEFAULT 'password'
        CONSTRAINT sessions_method_known CHECK (method IN ('password', 'second_factor', 'single_sign_on'));

CREATE TABLE refresh_tokens (
    token_hash bytea CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_fkey REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- When it was exchanged for its successor. A second use after the grace revokes the session.
    rotated_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
SELECT protect_system_table('refresh_tokens');

-- Authenticator apps. The secret is sealed: a stolen copy of this table makes no codes.
CREATE TABLE second_factors (
    user_id uuid CONSTRAINT second_factors_pkey PRIMARY KEY
        CONSTRAINT second_factors_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    secret_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- NULL until a first code proved that the app has the secret.
    confirmed_at timestamptz,
    -- The last time step whose code was taken; a code works once.
    last_step bigint NOT NULL DEFAULT 0
);
SELECT protect_system_table('second_factors');

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL CONSTRAINT recovery_codes_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    used_at timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash)
);
SELECT protect_system_table('recovery_codes');

-- Links that were sent by e-mail and work once.
CREATE TABLE account_links (
    token_hash bytea CONSTRAINT account_links_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT account_links_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    purpose text NOT NULL CONSTRAINT account_links_purpose_known CHECK (purpose IN ('password_reset', 'email_change')),
    -- The new address of an e-mail change.
    email text,
    expires_at timestamptz NOT NULL,
    CONSTRAINT account_links_email_by_purpose CHECK ((purpose = 'email_change') = (email IS NOT NULL))
);
CREATE INDEX account_links_user ON account_links (user_id, purpose);
SELECT protect_system_table('account_links');

-- Tries that are slowed down when they fail, shared by all nodes. The subject is a hash: addresses of strangers
-- are nothing to keep.
CREATE TABLE guarded_tries (
    kind text NOT NULL,
    subject_hash bytea NOT NULL,
    count integer NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT guarded_tries_pkey PRIMARY KEY (kind, subject_hash)
);
CREATE INDEX guarded_tries_age ON guarded_tries (last_at);
SELECT protect_system_table('guarded_tries');

-- The identity provider of an organization.
CREATE TABLE single_sign_on (
    org_id uuid CONSTRAINT single_sign_on_pkey PRIMARY KEY
        CONSTRAINT single_sign_on_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    issuer text NOT NULL CONSTRAINT single_sign_on_issuer_length CHECK (char_length(issuer) BETWEEN 8 AND 500),
    client_id text NOT NULL,
    client_secret_sealed bytea NOT NULL,
    email_domains text[] NOT NULL,
    default_role text NOT NULL,
    -- Members sign in this way only, except those who could mend it.
    enforced boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT protect_tenant_table('single_sign_on');

-- Who a person is at the identity provider.
CREATE TABLE external_identities (
    org_id uuid NOT NULL CONSTRAINT external_identities_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL CONSTRAINT external_identities_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT external_identities_pkey PRIMARY KEY (org_id, issuer, subject)
);
CREATE INDEX external_identities_user ON external_identities (user_id);
SELECT protect_tenant_table('external_identities');

-- Sign-ins that went off to an identity provider and have not come back.
CREATE TABLE single_sign_on_tries (
    state_hash bytea CONSTRAINT single_sign_on_tries_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT single_sign_on_tries_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- Nonce and PKCE verifier.
    secrets_sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX single_sign_on_tries_org ON single_sign_on_tries (org_id);
CREATE INDEX single_sign_on_tries_expiry ON single_sign_on_tries (expires_at);
SELECT protect_tenant_table('single_sign_on_tries');
