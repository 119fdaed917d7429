-- Who did what to which object, from where. Appended to, never changed.
CREATE TABLE audit_log (
    id uuid CONSTRAINT audit_log_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT audit_log_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    -- No foreign key: the entry outlives the person's account.
    user_id uuid,
    action text NOT NULL,
    object text NOT NULL,
    ip text,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_newest ON audit_log (org_id, at DESC, id DESC);
SELECT protect_tenant_table('audit_log');
REVOKE UPDATE, DELETE ON audit_log FROM studioconnect_app;
-- The system deletes what is older than the retention allows.
REVOKE UPDATE ON audit_log FROM studioconnect_system;
