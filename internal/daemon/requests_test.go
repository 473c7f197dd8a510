package daemon

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// waitingRoom is where applications wait for the user, who is at the control socket.
type waitingRoom struct {
	t *testing.T
	d *daemon
}

func newWaitingRoom(t *testing.T) waitingRoom { t.Helper(); return waitingRoom{t, smallDaemon(t)} }

// application registers one, and answers its client id.
func (w waitingRoom) application(name string) string {
	w.t.Helper()
	body, _ := json.Marshal(map[string]any{"client_name": name, "redirect_uris": []string{"http://localhost/callback"}}) // texts always marshal
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://localhost:45818/oauth/register", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.d.authority.Handler().ServeHTTP(rec, r)
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &made); err != nil || made.ID == "" {
		w.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return made.ID
}

// asks begins a request, and answers its id.
func (w waitingRoom) asks(client string) string {
	w.t.Helper()
	q := url.Values{
		"response_type": {"code"}, "client_id": {client}, "code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://localhost:45818/oauth/authorize?"+q.Encode(), http.NoBody)
	rec := httptest.NewRecorder()
	w.d.authority.Handler().ServeHTTP(rec, r)
	_, id, ok := strings.Cut(rec.Header().Get("Location"), "/consent/")
	if !ok {
		w.t.Fatalf("%d %s %s", rec.Code, rec.Header(), rec.Body)
	}
	return id
}

// says is what the user says at the control socket.
func (w waitingRoom) says(method, path, body string) (status int, answer string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://localhost/api/v1"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.d.desk.admin.Socket().ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

func (w waitingRoom) must(method, path, body string) string {
	w.t.Helper()
	status, text := w.says(method, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func (w waitingRoom) request(id string) (q api.Request) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.must(http.MethodGet, "/requests/"+id, "")), &q); err != nil {
		w.t.Fatal(err)
	}
	return q
}

func (w waitingRoom) clients() (all []api.Client) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.must(http.MethodGet, "/clients", "")), &all); err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(c api.Client) bool { return c.ID == "" })
}

// What a request says of an application is what counts when it is looked at, not when it was begun: nothing that was
// taken back since then lets it in without a question, and a decision on it is one on the Client that it is by now.
func TestRequest_SaysWhatCountsNow(t *testing.T) {
	w := newWaitingRoom(t)
	editor := w.application("Editor")
	first, second := w.asks(editor), w.asks(editor)
	w.must(http.MethodPost, "/requests/"+first+"/approve", `{}`)
	if q := w.request(second); q.KnownClient != "Editor" || !q.Agreed || q.Wider {
		t.Errorf("after another one of it was approved: %+v", q)
	}
	w.must(http.MethodPost, "/requests/"+second+"/approve", `{"mode":"ask","grants":[]}`)
	if all := w.clients(); len(all) != 1 || all[0].Mode != mcpmux.ModeAsk || len(all[0].Grants) != 0 {
		t.Errorf("the decision counts for nothing: %+v", all)
	}

	for what, takeBack := range map[string]func(){
		"a logout": func() { w.must(http.MethodDelete, "/clients/Editor/authorizations", "") },
		"a denial": func() { w.must(http.MethodPost, "/clients/"+string(w.clients()[0].ID)+"/deny", "") },
	} {
		w.must(http.MethodPost, "/requests/"+w.asks(editor)+"/approve", `{}`)
		waits := w.asks(editor)
		if q := w.request(waits); !q.Agreed {
			t.Fatalf("it is asked again: %+v", q)
		}
		takeBack()
		if q := w.request(waits); q.Agreed || !q.Wider {
			t.Errorf("after %s nothing is asked: %+v", what, q)
		}
		w.must(http.MethodPost, "/requests/"+waits+"/deny", "")
	}
	waits := w.asks(editor)
	w.must(http.MethodDelete, "/clients/Editor", "")
	if q := w.request(waits); q.Agreed || q.KnownClient != "" {
		t.Errorf("of a client that was removed: %+v", q)
	}
}

// A decision that is refused has changed nothing.
func TestRequest_ASecondDecisionChangesNothing(t *testing.T) {
	w := newWaitingRoom(t)
	editor := w.application("Editor")
	w.must(http.MethodPost, "/requests/"+w.asks(editor)+"/approve", `{"grants":[]}`)
	for _, first := range []string{"approve", "deny"} {
		id := w.asks(editor)
		w.must(http.MethodPost, "/requests/"+id+"/"+first, "")
		if status, text := w.says(http.MethodPost, "/requests/"+id+"/approve", `{"mode":"ask","grants":["All"]}`); status != http.StatusConflict {
			t.Errorf("after %s: %d %s", first, status, text)
		}
		if all := w.clients(); len(all) != 1 || all[0].Mode != mcpmux.ModeFollow || len(all[0].Grants) != 0 {
			t.Errorf("after %s the client is %+v", first, all)
		}
	}
}

// Applications say themselves what they are called. Whoever names a Client means that, whoever else calls itself so.
func TestRequest_ANameThatAClientHasIsTheClients(t *testing.T) {
	w := newWaitingRoom(t)
	w.must(http.MethodPost, "/requests/"+w.asks(w.application("Editor"))+"/approve", "")
	stranger := w.asks(w.application("EDITOR"))
	if status, text := w.says(http.MethodPost, "/clients/Editor/approve", ""); status != http.StatusConflict || !strings.Contains(text, w.request(stranger).Code) {
		t.Errorf("approve: %d %s", status, text)
	}
	w.must(http.MethodPost, "/clients/Editor/deny", "")
	if all := w.clients(); len(all) != 1 || all[0].Approved || w.request(stranger).State != "waiting" {
		t.Errorf("denied was somebody else: %+v, %+v", all, w.request(stranger))
	}
	w.must(http.MethodPost, "/clients/Editor/approve", "")
	if all := w.clients(); len(all) != 1 || !all[0].Approved || w.request(stranger).State != "waiting" {
		t.Errorf("let in was somebody else: %+v, %+v", all, w.request(stranger))
	}
	w.must(http.MethodPost, "/clients/"+w.request(stranger).Code+"/approve", "")
	if all := w.clients(); len(all) != 2 {
		t.Errorf("the clients are %+v", all)
	}
}
