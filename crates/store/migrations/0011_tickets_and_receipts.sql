-- What outsiders show us before any tenant is known.

-- Lets one media stream in, once. Only the hash is kept.
CREATE TABLE media_tickets (
    token_hash bytea CONSTRAINT media_tickets_pkey PRIMARY KEY,
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    call_sid text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT media_tickets_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
CREATE INDEX media_tickets_call ON media_tickets (org_id, call_id);
CREATE INDEX media_tickets_expiry ON media_tickets (expires_at);
SELECT protect_tenant_table('media_tickets');

-- A webhook that is delivered again gets the answer of the first time.
CREATE TABLE webhook_receipts (
    source text NOT NULL,
    token text NOT NULL,
    received_at timestamptz NOT NULL,
    -- NULL while the first delivery is still being worked on.
    response jsonb,
    CONSTRAINT webhook_receipts_pkey PRIMARY KEY (source, token)
);
CREATE INDEX webhook_receipts_age ON webhook_receipts (received_at);
ALTER TABLE webhook_receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_receipts FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON webhook_receipts TO studioconnect_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_receipts TO studioconnect_system;
