-- What an access key is for, in the user's words, and when it was last used.
ALTER TABLE access_keys ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN last_used BIGINT;
