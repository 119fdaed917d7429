-- What makes a lead pressing, how a client is known who calls from a strange number, and who may use an agent's tools
-- from outside.
ALTER TABLE lead_questions
    ADD COLUMN urgency_weight smallint NOT NULL DEFAULT 0
        CONSTRAINT lead_questions_urgency_weight_range CHECK (urgency_weight BETWEEN 0 AND 10);

ALTER TABLE clients
    -- Digits that can be said and dialled. They name a client and prove nothing.
    ADD COLUMN code text CONSTRAINT clients_code_form CHECK (code ~ '^[0-9]{4,12}$');
CREATE UNIQUE INDEX clients_code_unique ON clients (org_id, code);

-- One-time codes by which a caller proves to be a client. A key that nobody is known by leaves a row as well, without a
-- client: whoever asks can't tell the difference, neither by the answer nor by the limits.
CREATE TABLE client_verifications (
    id uuid CONSTRAINT client_verifications_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT client_verifications_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    call_id uuid NOT NULL,
    client_id uuid,
    person text,
    code_hash bytea NOT NULL,
    tries_left smallint NOT NULL CONSTRAINT client_verifications_tries_valid CHECK (tries_left >= 0),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Set once: a code is good for one use.
    verified_at timestamptz,
    CONSTRAINT client_verifications_call_fkey FOREIGN KEY (org_id, call_id)
        REFERENCES calls (org_id, id) ON DELETE CASCADE,
    CONSTRAINT client_verifications_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE CASCADE
);
CREATE INDEX client_verifications_by_call ON client_verifications (org_id, call_id, created_at DESC);
CREATE INDEX client_verifications_by_client ON client_verifications (org_id, client_id, created_at)
    WHERE client_id IS NOT NULL;
SELECT protect_tenant_table('client_verifications');

ALTER TABLE agents
    -- SHA-256 of the secret by which somebody else's platform uses the agent's tools; NULL when there is none.
    ADD COLUMN tools_secret_hash bytea,
    ADD COLUMN tools_secret_set_at timestamptz;
CREATE UNIQUE INDEX agents_tools_secret_unique ON agents (tools_secret_hash);

ALTER TABLE calls
    -- What a platform that carries the conversation calls it; bound with the first tool that it uses.
    ADD COLUMN conversation_ref text;
CREATE UNIQUE INDEX calls_conversation_ref_unique ON calls (org_id, conversation_ref);
