-- What callers leave on the carrier's tape is copied into our own storage and written down, and what follows their call
-- waits for it for a while.
ALTER TABLE messages
    -- The carrier's id of the recording; null for messages that an agent took.
    ADD COLUMN recording_sid text,
    -- Our own copy, and its length.
    ADD COLUMN recording_key text,
    ADD COLUMN recording_ms bigint CONSTRAINT messages_recording_ms_range CHECK (recording_ms >= 0),
    -- What is said in it: null before anybody listened, empty when no words were understood.
    ADD COLUMN words text,
    -- What follows the call waits for the words until then; null when they are there, or never will be.
    ADD COLUMN words_until timestamptz;

-- The caller was asked for a message: what follows the call waits for one until then.
ALTER TABLE calls ADD COLUMN message_until timestamptz;

-- A call that is deleted empties its name in these; without an index every deletion reads them from end to end.
CREATE INDEX timeline_entries_by_call ON timeline_entries (org_id, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX change_requests_by_call ON change_requests (org_id, call_id) WHERE call_id IS NOT NULL;
