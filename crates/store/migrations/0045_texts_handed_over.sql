-- A text message that is handed to the network is written down before it is. Whoever comes after a process that died in
-- between looks there for exactly this message, of this time, before sending it again: the network has no word for "the
-- same once more".
ALTER TABLE notifications
    ADD COLUMN handed_over_from text,
    ADD COLUMN handed_over_text text,
    ADD COLUMN handed_over_at timestamptz,
    ADD CONSTRAINT notifications_handed_over_whole
        CHECK (num_nulls(handed_over_from, handed_over_text, handed_over_at) IN (0, 3));
