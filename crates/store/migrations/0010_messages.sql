-- What callers asked to be passed on.
CREATE TABLE messages (
    id uuid CONSTRAINT messages_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT messages_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- No foreign key: retention deletes calls, not messages.
    call_id uuid,
    from_name text,
    reply_to text,
    text text NOT NULL,
    priority text NOT NULL CONSTRAINT messages_priority_known CHECK (priority IN ('LOW', 'NORMAL', 'HIGH', 'URGENT')),
    created_at timestamptz NOT NULL
);
CREATE INDEX messages_newest ON messages (org_id, created_at DESC, id DESC);
SELECT protect_tenant_table('messages');
