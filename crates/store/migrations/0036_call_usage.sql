-- What was metered in a call and what it cost at the prices of its day, derived from the call's log when its record is
-- closed. Sums are in millionths of a US dollar; without a known price there is none.
CREATE TABLE call_usage (
    org_id uuid NOT NULL,
    call_id uuid NOT NULL,
    position integer NOT NULL CONSTRAINT call_usage_position_valid CHECK (position >= 0),
    -- The agent's turn that it was for.
    turn_id uuid,
    provider text NOT NULL,
    model text NOT NULL,
    input_text bigint NOT NULL,
    input_audio bigint NOT NULL,
    cached_text bigint NOT NULL,
    cached_audio bigint NOT NULL,
    output_text bigint NOT NULL,
    output_audio bigint NOT NULL,
    transcribed_ms bigint NOT NULL,
    characters bigint NOT NULL,
    cost_micro_usd bigint CONSTRAINT call_usage_cost_valid CHECK (cost_micro_usd >= 0),
    CONSTRAINT call_usage_pkey PRIMARY KEY (org_id, call_id, position),
    CONSTRAINT call_usage_call_fkey FOREIGN KEY (org_id, call_id) REFERENCES calls (org_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_table('call_usage');
