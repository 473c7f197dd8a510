-- Where the master key is: JSON of secret.Place, which holds no secret.
ALTER TABLE installation ADD COLUMN key_place TEXT NOT NULL DEFAULT '{}';
