-- What the edge of the API remembers of requests.

-- A request that came with an Idempotency-Key: who claimed the key for what, and the answer once there is one. A
-- claim without an answer is a request that is being worked on, or one whose process died: it may be taken over
-- after a while.
CREATE TABLE idempotent_requests (
    -- New with every claim, so that who lost a claim can't complete it.
    id uuid CONSTRAINT idempotent_requests_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT idempotent_requests_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- The person or the API key; two principals may choose the same key.
    principal text NOT NULL,
    key text NOT NULL CONSTRAINT idempotent_requests_key_form CHECK (octet_length(key) BETWEEN 1 AND 255),
    method text NOT NULL,
    path text NOT NULL,
    -- SHA-256 of method, path, query, media type and body.
    fingerprint bytea NOT NULL CONSTRAINT idempotent_requests_fingerprint_form CHECK (octet_length(fingerprint) = 32),
    claimed_at timestamptz NOT NULL,
    -- Answers may show a secret once (an API key, a webhook's secret): never in clear here.
    response_sealed bytea,
    CONSTRAINT idempotent_requests_key_unique UNIQUE (org_id, principal, key)
);
CREATE INDEX idempotent_requests_age ON idempotent_requests (claimed_at);
SELECT protect_tenant_table('idempotent_requests');

-- Requests that programs made to the API, by organization and day (UTC). Nodes add to it about once a second.
CREATE TABLE api_request_counts (
    org_id uuid NOT NULL CONSTRAINT api_request_counts_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    day date NOT NULL,
    requests bigint NOT NULL CONSTRAINT api_request_counts_valid CHECK (requests >= 0),
    CONSTRAINT api_request_counts_pkey PRIMARY KEY (org_id, day)
);
CREATE INDEX api_request_counts_age ON api_request_counts (day);
SELECT protect_tenant_table('api_request_counts');
