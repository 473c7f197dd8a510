-- Empty text and 0 stand for the default of each; roots is a JSON array of file:// URIs.
ALTER TABLE servers ADD COLUMN isolation TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN era TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN max_processes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN roots TEXT NOT NULL DEFAULT '[]';

-- A JSON array of the revisions that the Server said it speaks.
ALTER TABLE servers ADD COLUMN about_versions TEXT NOT NULL DEFAULT '[]';

-- What is kept of the sessions of initialize-based clients; see mcpmux.Session. The id is a hash of what the
-- client sends. A session without a key is one that no access key opened.
CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    client_id     TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    key_id        TEXT REFERENCES access_keys (id) ON DELETE CASCADE,
    alias         TEXT NOT NULL,
    version       TEXT NOT NULL,
    capabilities  BLOB,
    client_info   BLOB,
    level         TEXT NOT NULL,
    subscriptions TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL
);
CREATE INDEX sessions_client ON sessions (client_id);
CREATE INDEX sessions_key ON sessions (key_id);
