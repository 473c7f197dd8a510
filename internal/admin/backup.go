package admin

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/backup"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// delivers makes a row with a body that answers with a file.
func delivers[B any](path, doc, file string, do func(*Admin, http.ResponseWriter, *http.Request, B) error) route {
	return route{
		method: http.MethodPost, path: path, doc: doc, file: file, body: reflect.TypeFor[B](), optional: true,
		serve: func(a *Admin, w http.ResponseWriter, r *http.Request) error {
			var body B
			if err := readBody(w, r, &body, true); err != nil {
				return err
			}
			return do(a, w, r, body)
		},
	}
}

// makeBackup is POST /backup. The header Mcpmux-Lacks counts what could not be opened and so is not in the file.
func (a *Admin) makeBackup(w http.ResponseWriter, r *http.Request, body api.NewBackup) error {
	o := backup.Options{Keys: backup.Keys{Passphrase: secret.NewValue(body.Passphrase)}, MadeAt: a.cfg.Now(), Version: a.cfg.Process().Version}
	for _, what := range body.LeaveOut {
		switch what {
		case "secrets":
			o.NoSecrets = true
		case "logins":
			o.NoLogins = true
		case "keys":
			o.NoKeys = true
		default:
			return mcpmux.Errorf(mcpmux.CodeInvalid, "%.100q cannot be left out; secrets, logins and keys can", what)
		}
	}
	c, err := a.cfg.Store.Copy(r.Context())
	if err != nil {
		return err
	}
	file, err := backup.Write(c, o)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="mcpmux-`+o.MadeAt.UTC().Format("20060102-150405")+`.mcpmux"`)
	h.Set("Content-Length", strconv.Itoa(len(file)))
	h.Set("Mcpmux-Lacks", strconv.Itoa(len(c.Lacks)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(file) // whoever went away gets nothing
	return nil
}

// restore is POST /restore:
//
//  1. read the file, and open it;
//  2. put a backup of what there is into the data folder, sealed with a key of this machine;
//  3. in one transaction, put what is in the file in place of it, and wait until that is applied.
func (a *Admin) restore(r *http.Request, body api.NewRestore) (api.Restore, error) {
	f, err := readFile(body.File)
	if err != nil {
		return api.Restore{}, err
	}
	keys := backup.Keys{Passphrase: secret.NewValue(body.Passphrase), Machine: a.cfg.Undo.key()}
	if body.DryRun && f.Key == backup.KeyPassphrase && body.Passphrase == "" {
		return tellRestore(f, nil), nil
	}
	c, err := f.Read(keys)
	if err != nil || body.DryRun {
		return tellRestore(f, c), err
	}
	a.restoring.Lock()
	defer a.restoring.Unlock()
	out := tellRestore(f, c)
	if out.Undo, err = a.keepUndo(r); err != nil {
		return out, err
	}
	revision, err := a.cfg.Store.Restore(r.Context(), &c.Copy)
	if err != nil {
		return out, err
	}
	a.log.Info("a backup was restored", "made_at", f.MadeAt, "undo", out.Undo)
	_, err = a.settled(r.Context(), revision, nil)
	out.Restored = true
	return out, err
}

func readFile(text string) (*backup.File, error) {
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(file) == 0 {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, `"file" is the content of a backup, as base64`)
	}
	return backup.Open(file)
}

// keepUndo keeps a backup of what there is, and answers where.
func (a *Admin) keepUndo(r *http.Request) (string, error) {
	now, err := a.cfg.Store.Copy(r.Context())
	if err != nil {
		return "", err
	}
	at := a.cfg.Now()
	file, err := backup.Write(now, backup.Options{Keys: backup.Keys{Machine: a.cfg.Undo.key()}, MadeAt: at, Version: a.cfg.Process().Version})
	if err != nil {
		return "", err
	}
	path, err := a.cfg.Undo.keep(file, at)
	if err != nil {
		return "", mcpmux.Errorf(mcpmux.CodeUnavailable, "nothing was restored, since a backup of what there is could not be kept: %v", err)
	}
	return path, nil
}

// tellRestore says what is in a file; c is nil where it is not open.
func tellRestore(f *backup.File, c *backup.Content) api.Restore {
	out := api.Restore{
		MadeAt: f.MadeAt, Version: f.Version, Sealed: f.Key == backup.KeyPassphrase, Opened: c != nil, Own: f.Key == backup.KeyMachine,
		Spaces: []api.RestoreSpace{}, Clients: []string{}, Missing: []api.MissingValue{}, Lacks: []string{},
	}
	if c == nil {
		return out
	}
	names := map[mcpmux.SpaceID]string{}
	for _, sp := range c.Spaces {
		names[sp.ID] = sp.Name
		out.Spaces = append(out.Spaces, api.RestoreSpace{Name: sp.Name, Servers: []string{}})
	}
	for i := range c.Servers {
		srv := &c.Servers[i]
		at := slices.IndexFunc(out.Spaces, func(s api.RestoreSpace) bool { return s.Name == names[srv.Space] })
		out.Spaces[at].Servers = append(out.Spaces[at].Servers, srv.Alias)
		out.Values += len(srv.Values)
		for _, l := range srv.Logins {
			if l.Kind == store.CredentialTokens {
				out.Logins++
			}
		}
	}
	for i := range c.Clients {
		out.Clients = append(out.Clients, c.Clients[i].Name)
	}
	for i := range c.Sets {
		if c.Sets[i].Kind == mcpmux.SetCustom {
			out.FeatureSets++
		}
	}
	out.Keys, out.Settings = len(c.Keys), len(c.Settings)
	for _, m := range c.Missing {
		out.Missing = append(out.Missing, api.MissingValue{Space: names[m.Space], Server: m.Server, Kind: m.Kind, Name: m.Name})
	}
	out.Lacks = append(out.Lacks, c.Lacks...)
	return out
}
