-- What people are told, one row for each person and way: written in the transaction of what happened, sent by a job.
CREATE TABLE notifications (
    id uuid CONSTRAINT notifications_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT notifications_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    event text NOT NULL,
    -- Names the fact: the same one is told once to each address by each way, however often it is written down.
    key text NOT NULL CONSTRAINT notifications_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    channel text NOT NULL CONSTRAINT notifications_channel_known CHECK (channel IN ('email', 'sms')),
    address text NOT NULL CONSTRAINT notifications_address_length CHECK (char_length(address) BETWEEN 3 AND 320),
    name text NOT NULL,
    -- What it tells, as far as it can't be looked up when it is sent.
    facts jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CONSTRAINT notifications_state_known CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    -- Quiet hours: not before.
    not_before timestamptz,
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT notifications_attempts_range CHECK (attempts >= 0),
    -- Why the last attempt failed, or why it was dropped, in plain words.
    reason text,
    -- What the transport calls it.
    transport_id text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT notifications_once UNIQUE (org_id, event, key, channel, address),
    CONSTRAINT notifications_finished_fits CHECK ((state = 'waiting') = (finished_at IS NULL))
);
CREATE INDEX notifications_newest ON notifications (org_id, created_at DESC, id DESC);
CREATE INDEX notifications_age ON notifications (created_at);
SELECT protect_tenant_table('notifications');
