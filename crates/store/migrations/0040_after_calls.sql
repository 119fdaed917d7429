-- What follows a conversation. Each step is done once: its row and its effects are written in one transaction, so that
-- whoever takes the chain up again after a crash goes on behind the last row.
CREATE TABLE call_steps (
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    step text NOT NULL,
    done_at timestamptz NOT NULL,
    result jsonb NOT NULL,
    CONSTRAINT call_steps_pkey PRIMARY KEY (org_id, call_id, step),
    CONSTRAINT call_steps_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_table('call_steps');

-- The history of a lead, a client or a project. No foreign keys: what it is about may be deleted without its history,
-- and calls are forgotten sooner than what came of them.
CREATE TABLE timeline_entries (
    id uuid CONSTRAINT timeline_entries_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT timeline_entries_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    subject text NOT NULL CONSTRAINT timeline_entries_subject_known CHECK (subject IN ('lead', 'client', 'project')),
    subject_id uuid NOT NULL,
    -- `call`, `scope_change`, ...
    kind text NOT NULL,
    -- Names the fact: it is entered once.
    key text NOT NULL CONSTRAINT timeline_entries_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    call_id uuid,
    text text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT timeline_entries_once UNIQUE (org_id, subject, subject_id, kind, key)
);
CREATE INDEX timeline_entries_newest ON timeline_entries (org_id, subject, subject_id, at DESC, id DESC);
SELECT protect_tenant_table('timeline_entries');

-- What was used and may be charged for. A fact is counted once.
CREATE TABLE usage_events (
    org_id uuid NOT NULL CONSTRAINT usage_events_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- `voice_seconds`, `conversations`.
    kind text NOT NULL,
    key text NOT NULL CONSTRAINT usage_events_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    quantity bigint NOT NULL CONSTRAINT usage_events_quantity_range CHECK (quantity >= 0),
    at timestamptz NOT NULL,
    CONSTRAINT usage_events_pkey PRIMARY KEY (org_id, kind, key)
);
CREATE INDEX usage_events_at ON usage_events (org_id, kind, at);
SELECT protect_tenant_table('usage_events');
-- What was used is added to, never rewritten.
REVOKE UPDATE, DELETE ON usage_events FROM studioconnect_app;

-- A verdict given in a call is entered once.
CREATE UNIQUE INDEX satisfaction_once_by_voice ON satisfaction (org_id, call_id, scale)
    WHERE source = 'voice' AND call_id IS NOT NULL;
