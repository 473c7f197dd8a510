package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxElicitations bounds the open elicitations. One more is told that nobody is there.
const maxElicitations = 64

// elicitations are the questions of Servers that wait for whoever listens. They live in memory: with the
// daemon end the calls that they belong to.
type elicitations struct {
	// mu guards the following.
	mu   sync.Mutex
	open []openElicitation // in the order of asking
}

type openElicitation struct {
	api.Elicitation
	answer chan []byte // holds one, so that who answers never waits
}

func (e *elicitations) add(o openElicitation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.open) >= maxElicitations || e.find(o.ID) >= 0 {
		return false
	}
	e.open = append(e.open, o)
	return true
}

// take removes the elicitation of an id; false means that it is not open, or no longer.
func (e *elicitations) take(id string) (openElicitation, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.find(id)
	if i < 0 {
		return openElicitation{}, false
	}
	o := e.open[i]
	e.open = slices.Delete(e.open, i, i+1)
	return o, true
}

// find needs mu.
func (e *elicitations) find(id string) int {
	return slices.IndexFunc(e.open, func(o openElicitation) bool { return o.ID == id })
}

func (e *elicitations) list() []api.Elicitation {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]api.Elicitation, len(e.open))
	for i := range e.open {
		out[i] = e.open[i].Elicitation
	}
	return out
}

// Elicit puts a Server's question to whoever listens to the events, and waits for the answer: an ElicitResult
// (MCP 2025-11-25 client/elicitation). It is false at once where nobody listens, and when ctx ends or the
// Admin is closed before somebody answers; the question is withdrawn then.
func (a *Admin) Elicit(ctx context.Context, e mcpmux.Elicitation) (result []byte, ok bool) {
	if !a.events.heard() {
		return nil, false
	}
	if e.ID == "" {
		e.ID = rand.Text()
	}
	if e.AskedAt.IsZero() {
		e.AskedAt = a.cfg.Now()
	}
	o := openElicitation{Elicitation: a.elicitation(ctx, e), answer: make(chan []byte, 1)}
	if !a.elicitations.add(o) {
		return nil, false
	}
	a.tellElicitations()
	select {
	case result = <-o.answer:
		return result, true
	case <-ctx.Done():
	case <-a.events.done:
	}
	if _, open := a.elicitations.take(e.ID); !open { // the answer came at the same moment, and was taken
		return <-o.answer, true
	}
	a.tellElicitations()
	return nil, false
}

// elicitation is e with the names of what it is about; they are for reading, so that e goes without if need be.
func (a *Admin) elicitation(ctx context.Context, e mcpmux.Elicitation) api.Elicitation {
	e.Schema = bytes.Clone(e.Schema) // shown for as long as somebody reads it, whatever becomes of the request
	out := api.Elicitation{Elicitation: e}
	st, err := a.cfg.Store.Load(ctx)
	if err != nil {
		a.log.Warn("an elicitation is shown without names", "err", err)
		return out
	}
	out.SpaceName = spaceName(st, e.Space)
	if i := slices.IndexFunc(st.Clients, func(c mcpmux.Client) bool { return c.ID == e.Client }); i >= 0 {
		out.ClientName = st.Clients[i].Name
	}
	return out
}

// tellElicitations sends the open elicitations to whoever listens.
func (a *Admin) tellElicitations() {
	a.Publish("elicitation", struct {
		Elicitations []api.Elicitation `json:"elicitations"`
	}{a.elicitations.list()})
}

func (a *Admin) listElicitations(*http.Request) ([]api.Elicitation, error) {
	return a.elicitations.list(), nil
}

// answerElicitation checks the answer before the question is taken: one that does not fit leaves it open.
func (a *Admin) answerElicitation(r *http.Request, body api.ElicitAnswer) (api.Elicitation, error) {
	result, err := elicitResult(body)
	if err != nil {
		return api.Elicitation{}, err
	}
	o, open := a.elicitations.take(r.PathValue("id"))
	if !open {
		return api.Elicitation{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no open elicitation %.100q: it was answered or withdrawn, or never asked", r.PathValue("id"))
	}
	o.answer <- result
	a.tellElicitations()
	return o.Elicitation, nil
}

// elicitResult is an answer as the Server gets it. Numbers of the content that no float64 holds stay what they are.
func elicitResult(body api.ElicitAnswer) ([]byte, error) {
	content := bytes.TrimSpace(body.Content)
	if bytes.Equal(content, []byte("null")) {
		content = nil
	}
	switch body.Action {
	case api.ElicitAccept:
		if len(content) > 0 && content[0] != '{' {
			return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"content\" must be an object")
		}
	case api.ElicitDecline, api.ElicitCancel:
		if len(content) > 0 {
			return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"content\" goes with the action accept only")
		}
	default:
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "%.100q is not an action; they are accept, decline and cancel", string(body.Action))
	}
	return json.Marshal(api.ElicitAnswer{Action: body.Action, Content: content})
}
