-- What client ids of our authorization server are made with (see package authserver); made at the first start.
ALTER TABLE installation ADD COLUMN registration_key BLOB;

-- A client id that the user approved, and the Client that whoever shows it is. The document is JSON of
-- mcpmux.Registration.
CREATE TABLE registrations (
    id        TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    document  TEXT NOT NULL
);
CREATE INDEX registrations_client ON registrations (client_id);

-- What the user agreed to, so that the same wish needs no second question. Scopes are separated by spaces.
CREATE TABLE consents (
    registration_id TEXT NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
    redirect_host   TEXT NOT NULL,
    alias           TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    given_at        BIGINT NOT NULL,
    expires_at      BIGINT,
    PRIMARY KEY (registration_id, redirect_host, alias)
);

-- One login of a Client: every token that came of one code.
CREATE TABLE authorizations (
    id              TEXT PRIMARY KEY,
    client_id       TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    registration_id TEXT NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
    redirect_host   TEXT NOT NULL,
    alias           TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    last_used       BIGINT
);
CREATE INDEX authorizations_client ON authorizations (client_id);
CREATE INDEX authorizations_registration ON authorizations (registration_id);

-- Tokens by their sha256. A refresh token that was used stays for as long as it could be shown again: answer is
-- what it was answered with, sealed with a key made of the token itself.
CREATE TABLE tokens (
    hash             BLOB PRIMARY KEY,
    authorization_id TEXT NOT NULL REFERENCES authorizations (id) ON DELETE CASCADE,
    kind             TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    expires_at       BIGINT NOT NULL,
    used_at          BIGINT,
    answer           BLOB
);
CREATE INDEX tokens_authorization ON tokens (authorization_id);

-- A session is of an access key, of an authorization, or of neither.
ALTER TABLE sessions ADD COLUMN authorization_id TEXT REFERENCES authorizations (id) ON DELETE CASCADE;
CREATE INDEX sessions_authorization ON sessions (authorization_id);
