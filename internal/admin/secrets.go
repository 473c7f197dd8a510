package admin

import (
	"context"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// SecretsLocked is the State of Secrets whose key is not there.
const SecretsLocked = "locked"

// Secrets is the master key, as this package asks for it. Its errors are for people.
type Secrets interface {
	Status(context.Context) api.Secrets
	// Unlock looks for the key again, with a person there who answers the keychain's questions.
	Unlock(ctx context.Context, passphrase secret.Value) error
	// Lock forgets the key until Unlock.
	Lock(context.Context) error
	Rekey(ctx context.Context, to string, passphrase secret.Value) error
}

func (a *Admin) secrets(r *http.Request) (api.Secrets, error) {
	return a.cfg.Secrets.Status(r.Context()), nil
}

func (a *Admin) lockSecrets(r *http.Request) (api.Secrets, error) {
	err := a.cfg.Secrets.Lock(r.Context())
	return a.cfg.Secrets.Status(r.Context()), err
}

func (a *Admin) unlockSecrets(r *http.Request, body api.Unlock) (api.Secrets, error) {
	err := a.cfg.Secrets.Unlock(r.Context(), secret.NewValue(body.Passphrase))
	return a.cfg.Secrets.Status(r.Context()), err
}

func (a *Admin) rekeySecrets(r *http.Request, body api.Rekey) (api.Secrets, error) {
	err := a.cfg.Secrets.Rekey(r.Context(), body.To, secret.NewValue(body.Passphrase))
	return a.cfg.Secrets.Status(r.Context()), err
}
