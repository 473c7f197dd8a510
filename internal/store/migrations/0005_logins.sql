-- How McpMux logs in to a Server that asks for OAuth: JSON of mcpmux.LoginConfig.
ALTER TABLE servers ADD COLUMN login TEXT NOT NULL DEFAULT '{}';

-- What a login gave: tokens (one row for each Server), and registrations of McpMux with authorization servers.
-- What is not sealed is shown to people.
CREATE TABLE credentials (
    id          TEXT PRIMARY KEY,
    server_id   TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    renewable   BOOLEAN NOT NULL,
    obtained_at BIGINT NOT NULL,
    expires_at  BIGINT,
    sealed      BLOB NOT NULL,
    UNIQUE (server_id, kind, issuer)
);

-- Logins that a person has begun and not ended. The id is a hash of the state parameter.
CREATE TABLE pending_logins (
    id         TEXT PRIMARY KEY,
    server_id  TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    sealed     BLOB NOT NULL
);
CREATE INDEX pending_logins_server ON pending_logins (server_id);
