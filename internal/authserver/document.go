package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// maxDocuments is how many documents are kept; the one that ends first makes room.
	maxDocuments = 64
	// keepAtLeast and keepAtMost bound how long a document is kept, whatever its server says.
	keepAtLeast = 5 * time.Minute
	keepAtMost  = 24 * time.Hour
)

// documents are client metadata documents (draft-ietf-oauth-client-id-metadata-document): the client_id is the address
// of what the application says of itself. Failures are not kept.
type documents struct {
	fetch func(ctx context.Context, address string) (body []byte, keep time.Duration, err error)
	now   func() time.Time

	// mu guards the following.
	mu   sync.Mutex
	kept map[string]keptDocument
}

type keptDocument struct {
	reg  mcpmux.Registration
	ends time.Time
}

func newDocuments(fetch func(context.Context, string) ([]byte, time.Duration, error), now func() time.Time) *documents {
	return &documents{fetch: fetch, now: now, kept: map[string]keptDocument{}}
}

// isDocument says whether a client_id is the address of a document: https, with a path, and nothing that two readers
// could read differently (draft §3).
func isDocument(id string) bool {
	u, err := url.Parse(id)
	if err != nil || len(id) > maxClientID || u.Scheme != "https" || !isHost(u) || u.User != nil || strings.Contains(id, "#") {
		return false
	}
	path := u.EscapedPath()
	if path == "" || path == "/" || u.String() != id {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}

// known is what a document says that is kept.
func (d *documents) known(id string) (reg mcpmux.Registration, ok bool) {
	d.mu.Lock()
	k, ok := d.kept[id]
	d.mu.Unlock()
	return k.reg, ok && d.now().Before(k.ends)
}

// get asks what a document says. Its errors are for the user.
func (d *documents) get(ctx context.Context, id string) (mcpmux.Registration, error) {
	if d.fetch == nil {
		return mcpmux.Registration{}, errUnknownClient
	}
	body, keep, err := d.fetch(ctx, id)
	if err != nil {
		if reg, ok := shippedDocument(id); ok {
			return reg, nil
		}
		return mcpmux.Registration{}, fmt.Errorf("the document that says who the application is could not be read: %w", err)
	}
	reg, err := readDocument(id, body)
	if err != nil {
		return reg, err
	}
	d.keep(reg, min(max(keep, keepAtLeast), keepAtMost))
	return reg, nil
}

// shippedDocument is what widely used applications say of themselves, for a machine that has no way to the Internet at
// the moment: they do not register where documents are read, and would not get in at all. Only redirect URIs that stay
// on this machine are held: what a copy out of date could do is no more than a registration may.
func shippedDocument(id string) (reg mcpmux.Registration, ok bool) {
	reg = mcpmux.Registration{ID: id, Kind: mcpmux.RegistrationDocument}
	switch id {
	case "https://claude.ai/oauth/claude-code-client-metadata":
		reg.Name, reg.RedirectURIs = "Claude Code", []string{"http://localhost/callback", "http://127.0.0.1/callback"}
	case "https://chatgpt.com/oauth/codex/client.json":
		reg.Name, reg.RedirectURIs = "Codex", []string{"http://127.0.0.1/callback", "http://localhost/callback"}
	case "https://vscode.dev/oauth/client-metadata.json":
		reg.Name, reg.RedirectURIs = "Visual Studio Code", []string{"http://127.0.0.1:33418/"}
	case "https://zed.dev/oauth/client-metadata.json":
		reg.Name, reg.RedirectURIs = "Zed", []string{"http://127.0.0.1/callback"}
	default:
		return reg, false
	}
	return reg, true
}

func (d *documents) keep(reg mcpmux.Registration, life time.Duration) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	first := ""
	for id, k := range d.kept {
		if !now.Before(k.ends) {
			delete(d.kept, id)
		} else if first == "" || k.ends.Before(d.kept[first].ends) {
			first = id
		}
	}
	if len(d.kept) >= maxDocuments {
		delete(d.kept, first)
	}
	d.kept[reg.ID] = keptDocument{reg, now.Add(life)}
}

// readDocument checks a document by the rules of registration, and that it is about the address that it is at.
func readDocument(id string, body []byte) (reg mcpmux.Registration, err error) {
	var doc struct {
		clientMetadata
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return reg, errors.New("the document that says who the application is, is not a JSON object of client metadata")
	}
	if doc.ClientID != id {
		return reg, fmt.Errorf("the document at this address is about another client_id, %q", cut(doc.ClientID))
	}
	if doc.AuthMethod != "" && doc.AuthMethod != "none" {
		return reg, fmt.Errorf("the document wants the application to prove itself by %q, and McpMux knows public clients alone", cut(doc.AuthMethod))
	}
	reg, _, err = doc.registration()
	if err != nil {
		return reg, fmt.Errorf("the document that says who the application is, is not usable: %w", err)
	}
	if strings.TrimSpace(doc.Name) == "" { // draft §4 wants a name; the host is a better one than none.
		u, _ := url.Parse(id) // isDocument has read it
		reg.Name = u.Hostname()
	}
	reg.ID, reg.Kind = id, mcpmux.RegistrationDocument
	return reg, nil
}
