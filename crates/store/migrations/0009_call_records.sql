-- The call's log, which is the truth, and what is derived from it.
CREATE TABLE call_events (
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    seq integer NOT NULL CONSTRAINT call_events_seq_valid CHECK (seq >= 0),
    at_ms bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    -- An event that is written again changes nothing.
    CONSTRAINT call_events_pkey PRIMARY KEY (call_id, seq),
    CONSTRAINT call_events_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
CREATE INDEX call_events_org ON call_events (org_id, call_id);
SELECT protect_tenant_table('call_events');
-- The log is appended to, never rewritten.
REVOKE UPDATE, DELETE ON call_events FROM studioconnect_app;
REVOKE UPDATE ON call_events FROM studioconnect_system;

CREATE TABLE turns (
    id uuid CONSTRAINT turns_pkey PRIMARY KEY,
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    position integer NOT NULL,
    kind text NOT NULL CONSTRAINT turns_kind_known CHECK (kind IN ('caller', 'agent', 'rejected')),
    started_ms bigint NOT NULL,
    ended_ms bigint NOT NULL,
    -- Caller and rejected turns: the words. Agent turns: what was heard of them.
    text text NOT NULL,
    generated text,
    sent text,
    interrupted boolean NOT NULL DEFAULT false,
    confidence real,
    layer text,
    reason text,
    intent text,
    endpointing_ms integer,
    stt_ms integer,
    brain_ms integer,
    tts_ms integer,
    hop_ms integer,
    total_ms integer,
    CONSTRAINT turns_position_unique UNIQUE (org_id, call_id, position),
    CONSTRAINT turns_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_table('turns');

CREATE TABLE tool_calls (
    id uuid CONSTRAINT tool_calls_pkey PRIMARY KEY,
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    position integer NOT NULL,
    at_ms bigint NOT NULL,
    name text NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb NOT NULL,
    ok boolean NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT tool_calls_position_unique UNIQUE (org_id, call_id, position),
    CONSTRAINT tool_calls_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_table('tool_calls');
