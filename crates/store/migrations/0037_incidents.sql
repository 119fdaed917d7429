-- What can't wait, who is called about it one after the other, and every step of it. The row's state is what makes an
-- alert happen once: it is written before the call is placed.
CREATE TABLE escalation_settings (
    org_id uuid CONSTRAINT escalation_settings_pkey PRIMARY KEY
        CONSTRAINT escalation_settings_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    settings jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT protect_tenant_table('escalation_settings');

CREATE TABLE incidents (
    id uuid CONSTRAINT incidents_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT incidents_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- Whose it is: a client, a number, or one conversation. What they say twice is one incident.
    subject text NOT NULL CONSTRAINT incidents_subject_length CHECK (char_length(subject) BETWEEN 1 AND 200),
    state text NOT NULL CONSTRAINT incidents_state_known CHECK (state IN ('alerting', 'acknowledged', 'unanswered')),
    score smallint NOT NULL CONSTRAINT incidents_score_range CHECK (score BETWEEN 0 AND 10),
    reason text NOT NULL,
    -- What the quick questions brought to light.
    details text,
    caller_name text,
    caller_number text,
    client_id uuid,
    -- The number that alerts are made from; null: the business has none.
    our_number text,
    -- The settings as they were: changing them does not change an alert under way.
    settings jsonb NOT NULL,
    -- Whether those who are notified were told.
    told boolean NOT NULL DEFAULT false,
    raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    -- When to look at it next; null when there is nothing to do.
    next_at timestamptz,
    -- A worker has it until then; when it dies, another takes over.
    leased_until timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT incidents_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT incidents_acknowledged_whole CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL))
);
CREATE INDEX incidents_newest ON incidents (org_id, raised_at DESC, id DESC);
CREATE INDEX incidents_by_subject ON incidents (org_id, subject, raised_at DESC);
CREATE INDEX incidents_due ON incidents (next_at) WHERE next_at IS NOT NULL;
SELECT protect_tenant_table('incidents');

-- A conversation belongs to one incident, however often it says how urgent it is.
CREATE TABLE incident_conversations (
    org_id uuid NOT NULL,
    -- No foreign key: retention deletes calls, not incidents.
    call_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    CONSTRAINT incident_conversations_pkey PRIMARY KEY (org_id, call_id),
    CONSTRAINT incident_conversations_incident_fkey FOREIGN KEY (org_id, incident_id)
        REFERENCES incidents (org_id, id) ON DELETE CASCADE
);
CREATE INDEX incident_conversations_by_incident ON incident_conversations (org_id, incident_id);
SELECT protect_tenant_table('incident_conversations');

CREATE TABLE incident_alerts (
    id uuid CONSTRAINT incident_alerts_pkey PRIMARY KEY,
    org_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    -- The person's place on the list.
    position integer NOT NULL CONSTRAINT incident_alerts_position_valid CHECK (position >= 0),
    name text NOT NULL,
    number text NOT NULL,
    state text NOT NULL CONSTRAINT incident_alerts_state_known CHECK (state IN (
        'placing', 'ringing', 'answered', 'acknowledged', 'declined', 'no_answer', 'busy', 'machine', 'failed')),
    since timestamptz NOT NULL,
    placed_at timestamptz NOT NULL,
    -- The carrier's id of the call, once it is known.
    call_sid text CONSTRAINT incident_alerts_call_sid_unique UNIQUE,
    CONSTRAINT incident_alerts_once UNIQUE (org_id, incident_id, position),
    CONSTRAINT incident_alerts_incident_fkey FOREIGN KEY (org_id, incident_id)
        REFERENCES incidents (org_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_table('incident_alerts');

CREATE TABLE incident_steps (
    id uuid CONSTRAINT incident_steps_pkey PRIMARY KEY,
    org_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    CONSTRAINT incident_steps_incident_fkey FOREIGN KEY (org_id, incident_id)
        REFERENCES incidents (org_id, id) ON DELETE CASCADE
);
CREATE INDEX incident_steps_in_order ON incident_steps (org_id, incident_id, at, id);
SELECT protect_tenant_table('incident_steps');

-- How urgent each turn was, and why.
ALTER TABLE turns
    ADD COLUMN urgency_score smallint NOT NULL DEFAULT 0
        CONSTRAINT turns_urgency_range CHECK (urgency_score BETWEEN 0 AND 10),
    ADD COLUMN urgency_reasons text[] NOT NULL DEFAULT '{}';
ALTER TABLE calls
    -- The phrases that made it urgent.
    ADD COLUMN urgency_reasons text[] NOT NULL DEFAULT '{}',
    -- Everything it was about, in the order it came up.
    ADD COLUMN intents text[] NOT NULL DEFAULT '{}';
