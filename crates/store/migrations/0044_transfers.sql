-- Whom callers are connected with, and every caller's way to a person. The row's state is what makes a telephone ring
-- once and one person take the caller: it is written before the call is placed.
CREATE TABLE transfer_settings (
    org_id uuid CONSTRAINT transfer_settings_pkey PRIMARY KEY
        CONSTRAINT transfer_settings_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    settings jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT protect_tenant_table('transfer_settings');

CREATE TABLE transfers (
    id uuid CONSTRAINT transfers_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT transfers_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    call_id uuid NOT NULL,
    state text NOT NULL CONSTRAINT transfers_state_known
        CHECK (state IN ('prepared', 'connecting', 'connected', 'failed', 'abandoned')),
    -- How the call to the present person stands.
    attempt text NOT NULL CONSTRAINT transfers_attempt_known
        CHECK (attempt IN ('waiting', 'due', 'placing', 'ringing', 'answered', 'returning')),
    about text NOT NULL,
    -- Who is rung, one after the other, as it was when the caller asked.
    people jsonb NOT NULL,
    position integer NOT NULL CONSTRAINT transfers_position_valid CHECK (position >= 0),
    ring_seconds integer NOT NULL,
    -- When the present call was first asked for.
    since timestamptz NOT NULL,
    -- The carrier's id of the present call, once it is known, and those of all.
    person_call text,
    calls_made text[] NOT NULL DEFAULT '{}',
    -- When to look at it next; null when there is nothing to do.
    next_at timestamptz,
    -- A worker has it until then; when it dies, another takes over.
    leased_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT transfers_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
CREATE INDEX transfers_by_call ON transfers (org_id, call_id, created_at DESC);
-- A caller waits for one person at a time.
CREATE UNIQUE INDEX transfers_one_open ON transfers (org_id, call_id) WHERE state IN ('prepared', 'connecting');
CREATE INDEX transfers_due ON transfers (next_at) WHERE next_at IS NOT NULL;
SELECT protect_tenant_table('transfers');

ALTER TABLE calls
    DROP CONSTRAINT calls_left_because_known,
    ADD CONSTRAINT calls_left_because_known
        CHECK (left_because IN ('connection_lost', 'handed_over', 'transferring', 'transferred'));
