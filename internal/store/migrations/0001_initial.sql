-- Times are microseconds since 1970 UTC. Names are unique by their folded form (…_key).

CREATE TABLE installation (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    id     TEXT NOT NULL,
    canary BLOB
);

CREATE TABLE changes (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    at       BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    space_id TEXT NOT NULL,
    subject  TEXT NOT NULL
);

CREATE TABLE spaces (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    active     BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX spaces_one_active ON spaces (active) WHERE active;
CREATE UNIQUE INDEX spaces_one_default ON spaces (is_default) WHERE is_default;

CREATE TABLE servers (
    id           TEXT PRIMARY KEY,
    space_id     TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    alias        TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    definition   TEXT NOT NULL,
    prefix       TEXT,
    idle_timeout BIGINT,
    stamp        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,

    -- What the Server said of itself when it was last asked; no version means that it never was.
    about_version      TEXT,
    about_capabilities BLOB,
    about_server_info  BLOB,
    about_instructions TEXT NOT NULL DEFAULT '',
    interactive        BOOLEAN NOT NULL DEFAULT FALSE,

    UNIQUE (space_id, alias)
);

-- Values of environment variables, headers and inputs. Every one is sealed, secret or not.
CREATE TABLE server_values (
    id        TEXT PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_key  TEXT NOT NULL,
    secret    BOOLEAN NOT NULL,
    sealed    BLOB NOT NULL,
    UNIQUE (server_id, kind, name_key)
);

CREATE TABLE features (
    server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    position  BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    raw       BLOB NOT NULL,
    PRIMARY KEY (server_id, kind, name)
);

CREATE TABLE feature_sets (
    id         TEXT PRIMARY KEY,
    space_id   TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    server_id  TEXT REFERENCES servers (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    UNIQUE (space_id, name_key)
);
CREATE INDEX feature_sets_server ON feature_sets (server_id);

-- A member names Servers and Features by alias and name, and so outlives them. Empty text stands for what
-- a kind of member does not have, but for set_id, which is a reference.
CREATE TABLE set_members (
    id          TEXT PRIMARY KEY,
    owner_id    TEXT NOT NULL REFERENCES feature_sets (id) ON DELETE CASCADE,
    is_excluded BOOLEAN NOT NULL,
    kind        TEXT NOT NULL,
    server      TEXT NOT NULL,
    name        TEXT NOT NULL,
    set_id      TEXT REFERENCES feature_sets (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX set_members_named ON set_members (owner_id, kind, server, name) WHERE set_id IS NULL;
CREATE UNIQUE INDEX set_members_nested ON set_members (owner_id, set_id) WHERE set_id IS NOT NULL;
CREATE INDEX set_members_set ON set_members (set_id);

-- space_id and declined_id may name a Space that is gone; see mcpmux.Client.
CREATE TABLE clients (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    mode        TEXT NOT NULL,
    approved    BOOLEAN NOT NULL,
    space_id    TEXT NOT NULL,
    declined_id TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    last_seen   BIGINT
);

CREATE TABLE grants (
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    space_id  TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    set_id    TEXT NOT NULL REFERENCES feature_sets (id) ON DELETE CASCADE,
    PRIMARY KEY (client_id, space_id, set_id)
);
CREATE INDEX grants_space ON grants (space_id);
CREATE INDEX grants_set ON grants (set_id);

CREATE TABLE access_keys (
    id         TEXT PRIMARY KEY,
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    hint       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX access_keys_client ON access_keys (client_id);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE activity (
    first_id BIGINT PRIMARY KEY,
    last_id  BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    records  BLOB NOT NULL
);
