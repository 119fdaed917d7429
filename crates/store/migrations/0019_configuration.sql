-- What a business configures: agents in versions, where calls to a number go, conditions of lead questions, who is
-- notified.

-- The row of an agent is its draft. What calls use is a version, which never changes once it was published.
ALTER TABLE agents
    ADD COLUMN welcome_message text NOT NULL DEFAULT '',
    ADD COLUMN persona_prompt text NOT NULL DEFAULT '',
    ADD COLUMN elevenlabs_agent_id text NOT NULL DEFAULT '',
    ADD COLUMN elevenlabs_voice text NOT NULL DEFAULT '',
    ADD COLUMN published_version integer NOT NULL DEFAULT 1,
    -- Calls keep their agent, so a deleted one only disappears from sight.
    ADD COLUMN deleted_at timestamptz;

CREATE TABLE agent_versions (
    org_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    version integer NOT NULL CONSTRAINT agent_versions_version_valid CHECK (version >= 1),
    settings jsonb NOT NULL,
    note text NOT NULL DEFAULT '' CONSTRAINT agent_versions_note_length CHECK (char_length(note) <= 500),
    restored_from integer,
    -- No foreign keys: who published stays on record when the person or the key is gone.
    published_by uuid,
    api_key_id uuid,
    published_at timestamptz NOT NULL,
    CONSTRAINT agent_versions_pkey PRIMARY KEY (org_id, agent_id, version),
    CONSTRAINT agent_versions_agent_fkey FOREIGN KEY (org_id, agent_id)
        REFERENCES agents (org_id, id) ON DELETE CASCADE
);

-- Every agent there is becomes its own first version. Forced row-level security holds for the owner too, who is no
-- superuser everywhere, so it is lifted for the length of this statement.
ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;
INSERT INTO agent_versions (org_id, agent_id, version, settings, published_at)
SELECT org_id, id, 1,
       jsonb_build_object(
           'name', name, 'language', language, 'voice', voice, 'greeting', greeting,
           'client_greeting', client_greeting, 'greeting_interruptible', greeting_interruptible,
           'engine', engine, 'turn_taking', turn_taking),
       updated_at
FROM agents;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;

SELECT protect_tenant_table('agent_versions');
REVOKE UPDATE, DELETE ON agent_versions FROM studioconnect_app;

ALTER TABLE phone_numbers
    ADD COLUMN routing jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN routing_updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE lead_questions
    ADD COLUMN skip_when jsonb,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

CREATE TABLE notification_settings (
    org_id uuid CONSTRAINT notification_settings_pkey PRIMARY KEY
        CONSTRAINT notification_settings_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    settings jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT protect_tenant_table('notification_settings');
