-- Outgoing webhooks: who is told, what happened, and the way of each event to each receiver. The deliveries are the
-- outbox: written in the transaction of what happened, worked off afterwards under a lease.
CREATE TABLE webhooks (
    id uuid CONSTRAINT webhooks_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT webhooks_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    url text NOT NULL CONSTRAINT webhooks_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    description text NOT NULL DEFAULT '' CONSTRAINT webhooks_description_length CHECK (char_length(description) <= 500),
    -- `call.ended`, `call.*`, `*`.
    events text[] NOT NULL CONSTRAINT webhooks_events_some CHECK (cardinality(events) BETWEEN 1 AND 50),
    enabled boolean NOT NULL DEFAULT true,
    -- Why the system disabled it; NULL when a person did, or while it is enabled.
    disabled_reason text,
    secret_sealed bytea NOT NULL,
    -- Signs beside the current one for a while after a rotation.
    former_secret_sealed bytea,
    former_secret_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- Health, outside of the record's version: failures in a row, since when there was no success.
    failures integer NOT NULL DEFAULT 0 CONSTRAINT webhooks_failures_range CHECK (failures >= 0),
    failing_since timestamptz,
    last_success_at timestamptz,
    -- Left in peace until then.
    paused_until timestamptz,
    CONSTRAINT webhooks_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT webhooks_disabled_reason_fits CHECK (disabled_reason IS NULL OR NOT enabled),
    CONSTRAINT webhooks_former_secret_whole CHECK ((former_secret_sealed IS NULL) = (former_secret_until IS NULL))
);
SELECT protect_tenant_table('webhooks');

CREATE TABLE webhook_events (
    id uuid CONSTRAINT webhook_events_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT webhook_events_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    type text NOT NULL,
    -- Names the fact: the same one is told once, however often it is written down.
    key text NOT NULL CONSTRAINT webhook_events_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    at timestamptz NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT webhook_events_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT webhook_events_once UNIQUE (org_id, type, key)
);
CREATE INDEX webhook_events_newest ON webhook_events (org_id, at DESC, id DESC);
CREATE INDEX webhook_events_age ON webhook_events (at);
SELECT protect_tenant_table('webhook_events');

CREATE TABLE webhook_deliveries (
    id uuid CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT webhook_deliveries_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    state text NOT NULL CONSTRAINT webhook_deliveries_state_known
        CHECK (state IN ('pending', 'delivered', 'failed', 'canceled')),
    created_at timestamptz NOT NULL,
    -- The first attempt of this round: a retry or replay by hand begins a new one.
    round_started_at timestamptz NOT NULL,
    -- Failed attempts of this round.
    failed_attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    -- A worker has it until then; when it dies, another takes over.
    leased_until timestamptz,
    -- Counts the leases, so that a worker that lost its lease can't decide any more.
    lease integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    CONSTRAINT webhook_deliveries_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT webhook_deliveries_once UNIQUE (org_id, webhook_id, event_id),
    CONSTRAINT webhook_deliveries_due_while_pending CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_leased_while_pending CHECK (leased_until IS NULL OR state = 'pending'),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (org_id, webhook_id)
        REFERENCES webhooks (org_id, id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_event_fkey FOREIGN KEY (org_id, event_id)
        REFERENCES webhook_events (org_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (org_id, webhook_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (org_id, event_id);
-- What the worker looks through: receivers with work, and the work of each in the order it is due.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, next_attempt_at, id)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (webhook_id, leased_until)
    WHERE leased_until IS NOT NULL;
SELECT protect_tenant_table('webhook_deliveries');

CREATE TABLE webhook_attempts (
    id uuid CONSTRAINT webhook_attempts_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT webhook_attempts_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    delivery_id uuid NOT NULL,
    at timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    -- The status of the answer; NULL when there was none.
    status smallint,
    succeeded boolean NOT NULL,
    -- Why it failed, in plain words.
    reason text,
    -- The beginning of the answer, without keys.
    answer text,
    CONSTRAINT webhook_attempts_delivery_fkey FOREIGN KEY (org_id, delivery_id)
        REFERENCES webhook_deliveries (org_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_attempts_of_delivery ON webhook_attempts (org_id, delivery_id, at, id);
SELECT protect_tenant_table('webhook_attempts');
