-- The personas that answer, and the numbers that reach them.
CREATE TABLE agents (
    id uuid CONSTRAINT agents_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT agents_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT agents_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    language text NOT NULL DEFAULT 'en-US',
    voice text NOT NULL DEFAULT '',
    greeting text NOT NULL DEFAULT '',
    client_greeting text NOT NULL DEFAULT '',
    greeting_interruptible boolean NOT NULL DEFAULT true,
    -- An engine's name is text: a new one needs no migration.
    engine text NOT NULL DEFAULT 'pipeline',
    turn_taking jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agents_org_id_unique UNIQUE (org_id, id)
);
SELECT protect_tenant_table('agents');

CREATE TABLE phone_numbers (
    id uuid CONSTRAINT phone_numbers_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT phone_numbers_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    agent_id uuid NOT NULL,
    -- Unique over all tenants: routing by the called number is this one look-up.
    e164 text NOT NULL
        CONSTRAINT phone_numbers_e164_unique UNIQUE
        CONSTRAINT phone_numbers_e164_form CHECK (e164 ~ '^\+[1-9][0-9]{6,14}$'),
    label text NOT NULL DEFAULT '',
    fallback_number text,
    recording boolean NOT NULL DEFAULT true,
    notice text NOT NULL DEFAULT '',
    greeting text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT phone_numbers_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT phone_numbers_agent_fkey FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id)
);
CREATE INDEX phone_numbers_agent ON phone_numbers (org_id, agent_id);
SELECT protect_tenant_table('phone_numbers');
