package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// elicited is what came of a question.
type elicited struct {
	result string
	ok     bool
}

// elicit asks until ctx ends.
func (w *world) elicit(ctx context.Context, e mcpmux.Elicitation) <-chan elicited {
	done := make(chan elicited, 1)
	go func() {
		result, ok := w.admin.Elicit(ctx, e)
		done <- elicited{string(result), ok}
	}()
	return done
}

// listening opens the event stream and reads over its beginning.
func (w *world) listening() (next func() string) {
	w.t.Helper()
	next = listen(w.t, w.socket, "")
	_ = next() // "ready"
	return next
}

func (w *world) openElicitations() []api.Elicitation {
	w.t.Helper()
	return read[[]api.Elicitation](w.t, w.must("GET", "/elicitations", ""))
}

var askName = mcpmux.Elicitation{
	ID: "e1", Server: "github", Tool: "create", Message: "Which name?", Schema: json.RawMessage(`{"type":"object"}`),
	AskedAt: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
}

func TestElicitation_IsAnnouncedListedAndAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	c := read[api.CreatedClient](t, w.must("POST", "/clients", `{"name":"cursor"}`))
	next := w.listening()
	ask := askName
	ask.Client, ask.Space = c.ID, read[[]api.Space](t, w.must("GET", "/spaces", ""))[0].ID
	done := w.elicit(t.Context(), ask)
	if got := next(); !strings.HasPrefix(got, "event: elicitation\n") || !strings.Contains(got, `"message":"Which name?"`) {
		t.Fatalf("event %q", got)
	}
	open := w.openElicitations()
	if len(open) != 1 || open[0].ID != "e1" || open[0].ClientName != "cursor" || open[0].SpaceName != "My Space" || string(open[0].Schema) != `{"type":"object"}` {
		t.Fatalf("open %+v", open)
	}

	w.refused(400, "not an action", "POST", "/elicitations/e1", `{"action":"yes"}`)
	w.refused(400, "must be an object", "POST", "/elicitations/e1", `{"action":"accept","content":["x"]}`)
	w.refused(400, "accept only", "POST", "/elicitations/e1", `{"action":"decline","content":{}}`)
	w.refused(404, "no open elicitation", "POST", "/elicitations/e2", `{"action":"cancel"}`)
	w.must("POST", "/elicitations/e1", `{"action":"accept","content":{"name":"x","n":12345678901234567890}}`)
	if got := <-done; !got.ok || got.result != `{"action":"accept","content":{"name":"x","n":12345678901234567890}}` {
		t.Errorf("answer %+v", got)
	}
	if got := next(); got != "event: elicitation\ndata: {\"elicitations\":[]}" {
		t.Errorf("event %q", got)
	}
	w.refused(404, "answered or withdrawn", "POST", "/elicitations/e1", `{"action":"cancel"}`)
}

func TestElicitation_DeclineAndCancelHaveNoContent(t *testing.T) {
	w := newWorld(t)
	next := w.listening()
	for _, action := range []string{"decline", "cancel"} {
		ask := askName
		ask.ID = "" // the desk makes one
		done := w.elicit(t.Context(), ask)
		_ = next()
		w.must("POST", "/elicitations/"+w.openElicitations()[0].ID, `{"action":"`+action+`","content":null}`)
		_ = next()
		if got := <-done; !got.ok || got.result != `{"action":"`+action+`"}` {
			t.Errorf("answer %+v", got)
		}
	}
}

func TestElicitation_IsWithdrawnWhenItsCallEnds(t *testing.T) {
	w := newWorld(t)
	next := w.listening()
	ctx, cancel := context.WithCancel(t.Context())
	done := w.elicit(ctx, askName)
	_ = next()
	cancel()
	if got := <-done; got.ok {
		t.Errorf("answer %+v", got)
	}
	if got := next(); got != "event: elicitation\ndata: {\"elicitations\":[]}" {
		t.Errorf("event %q", got)
	}
	w.refused(404, "withdrawn", "POST", "/elicitations/e1", `{"action":"cancel"}`)

	done = w.elicit(t.Context(), askName)
	_ = next()
	w.admin.Close()
	if got := <-done; got.ok || len(w.openElicitations()) != 0 {
		t.Errorf("after the end: %+v", got)
	}
}

func TestElicitation_NobodyIsThereWhereNobodyListens(t *testing.T) {
	w := newWorld(t)
	if got := <-w.elicit(t.Context(), askName); got.ok || len(w.openElicitations()) != 0 {
		t.Errorf("answer %+v", got)
	}
}

func TestElicitation_NoMoreThanItsBoundAreOpen(t *testing.T) {
	w := newWorld(t)
	next := w.listening()
	for i := range maxElicitations {
		ask := askName
		ask.ID = strconv.Itoa(i)
		w.elicit(t.Context(), ask)
		_ = next()
	}
	if got := <-w.elicit(t.Context(), askName); got.ok || len(w.openElicitations()) != maxElicitations {
		t.Errorf("one too many: %+v", got)
	}
}

func TestEvents_ReaderThatWasAwayTooLongIsTold(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.must("POST", "/spaces", `{"name":"`+name+`"}`)
	}
	rev := read[api.Status](t, w.must("GET", "/status", "")).Revision
	if _, err := w.store.PruneChanges(t.Context(), time.Now().Add(time.Minute), 2); err != nil {
		t.Fatal(err)
	}
	for after, missed := range map[int64]bool{0: true, rev - 3: true, rev - 2: false, rev: false} {
		if got := listen(t, w.socket, strconv.FormatInt(after, 10))(); strings.Contains(got, `"missed":true`) != missed {
			t.Errorf("after %d of %d: %q, want missed %v", after, rev, got, missed)
		}
	}
}

func TestServer_SharingIsSetAndPutBack(t *testing.T) {
	w := newWorld(t)
	made := read[api.Server](t, w.must("POST", "/servers", strings.Replace(github, "{",
		`{"isolation":"session","era":"legacy","max_processes":3,"roots":["file:///a"],`, 1)))
	if made.Isolation != "session" || made.Era != "legacy" || made.MaxProcesses != 3 || len(made.Roots) != 1 {
		t.Errorf("made %+v", made)
	}
	got := read[api.Server](t, w.must("PATCH", "/servers/github", `{"isolation":"none","era":"modern","max_processes":9,"roots":["file:///b","file:///c"]}`))
	if got.Isolation != "none" || got.Era != "modern" || got.MaxProcesses != 9 || len(got.Roots) != 2 {
		t.Errorf("set %+v", got)
	}
	got = read[api.Server](t, w.must("PATCH", "/servers/github", `{"prefix":"gh"}`))
	if got.Isolation != "none" || len(got.Roots) != 2 {
		t.Errorf("what was left out did not stay: %+v", got)
	}
	got = read[api.Server](t, w.must("PATCH", "/servers/github", `{"isolation":null,"era":null,"max_processes":null,"roots":null}`))
	if got.Isolation != "" || got.Era != "" || got.MaxProcesses != 0 || got.Roots != nil {
		t.Errorf("not put back: %+v", got)
	}
	w.refused(http.StatusBadRequest, `"isolation"`, "PATCH", "/servers/github", `{"isolation":7}`)
	w.refused(http.StatusBadRequest, "not an isolation", "PATCH", "/servers/github", `{"isolation":"x"}`)
	w.refused(http.StatusBadRequest, "not an era", "PATCH", "/servers/github", `{"era":"x"}`)
	w.refused(http.StatusBadRequest, `"max_processes"`, "PATCH", "/servers/github", `{"max_processes":"many"}`)
	w.refused(http.StatusBadRequest, "from 0 to 64", "PATCH", "/servers/github", `{"max_processes":65}`)
	w.refused(http.StatusBadRequest, "not a root", "PATCH", "/servers/github", `{"roots":["/home"]}`)
	w.refused(http.StatusBadRequest, "not an era", "POST", "/servers", strings.Replace(github, `"github"`, `"x","era":"y"`, 1))
}
