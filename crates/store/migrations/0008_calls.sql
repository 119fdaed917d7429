-- One row per phone conversation, from the carrier's first webhook to the finished record.
CREATE TABLE calls (
    id uuid CONSTRAINT calls_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT calls_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    agent_id uuid NOT NULL,
    number_id uuid,
    -- The carrier's id. A webhook that comes twice finds the row of the first.
    call_sid text NOT NULL CONSTRAINT calls_call_sid_unique UNIQUE,
    direction text NOT NULL DEFAULT 'inbound' CONSTRAINT calls_direction_known CHECK (direction IN ('inbound', 'outbound')),
    from_number text,
    to_number text NOT NULL,
    client_id uuid,
    lead_id uuid,
    engine text NOT NULL,
    status text NOT NULL CONSTRAINT calls_status_known
        CHECK (status IN ('ringing', 'in_progress', 'completed', 'no_answer', 'busy', 'failed', 'canceled')),
    -- Highest SequenceNumber seen; a callback below it is old news.
    carrier_sequence integer,
    carrier_duration_s integer,
    started_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    -- Length of the conversation by media time.
    duration_ms bigint,
    end_reason text,
    intent text,
    urgency_score smallint NOT NULL DEFAULT 0 CONSTRAINT calls_urgency_range CHECK (urgency_score BETWEEN 0 AND 10),
    urgency_reason text,
    summary jsonb,
    recording_key text,
    recording_ms bigint,
    -- The process that carries it, and when it last said so.
    node text,
    heartbeat_at timestamptz,
    -- Set once, when turns and outcome were derived from the log.
    finalized_at timestamptz,
    CONSTRAINT calls_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT calls_agent_fkey FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id),
    CONSTRAINT calls_number_fkey FOREIGN KEY (org_id, number_id)
        REFERENCES phone_numbers (org_id, id) ON DELETE SET NULL (number_id),
    CONSTRAINT calls_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE SET NULL (client_id)
);
CREATE INDEX calls_newest ON calls (org_id, started_at DESC, id DESC);
CREATE INDEX calls_by_client ON calls (org_id, client_id, started_at DESC) WHERE client_id IS NOT NULL;
CREATE INDEX calls_by_agent ON calls (org_id, agent_id);
CREATE INDEX calls_by_number ON calls (org_id, number_id);
-- Few at any time: what recovery looks through at a start.
CREATE INDEX calls_unfinished ON calls (heartbeat_at) WHERE finalized_at IS NULL;
SELECT protect_tenant_table('calls');
