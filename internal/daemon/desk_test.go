package daemon

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin"
	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
	"github.com/mcpmux/mcpmux/internal/supervisor"
)

// smallDaemon is a daemon of which only the store and the desk are there.
func smallDaemon(t *testing.T) *daemon {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "mcpmux.db"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	d := &daemon{store: st, log: log, authority: authserver.New(authserver.Config{
		Store: st, Origins: func() []string { return []string{"http://localhost:45818"} },
		ConsentURL: func(hostname, request string) string { return "http://" + hostname + ":45819/consent/" + request },
	})}
	d.desk = &desk{d: d}
	d.desk.admin, err = admin.New(admin.Config{
		Store: st, Servers: servers{new(supervisor.Supervisor)}, Gateway: nobodyCalls{commands{d}}, Logins: logins{d}, Requests: requests{d.authority}, Secrets: newKeys(st, Options{}, log), Process: func() api.Process { return api.Process{} },
		NewKey: func() (string, string, [32]byte) { return "", "", [32]byte{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDesk_ElicitationIsPutToTheDashboardOnlyWhereTheUserWantsThat(t *testing.T) {
	d := smallDaemon(t)
	web := httptest.NewServer(d.desk.admin.Socket())
	t.Cleanup(func() { d.desk.admin.Close(); web.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "" { // the event "ready": somebody listens
		continue
	}

	ask := mcpmux.Elicitation{ID: "e1", Message: "Which name?"}
	d.state.Store(&mcpmux.State{})
	if _, ok := d.desk.elicit(t.Context(), ask); ok {
		t.Error("somebody was asked though the setting is off")
	}
	d.state.Store(&mcpmux.State{Settings: map[string]string{mcpmux.SettingDashboardElicit: "true"}})
	done := make(chan string, 1)
	go func() {
		result, _ := d.desk.elicit(t.Context(), ask)
		done <- string(result)
	}()
	for lines.Scan() && lines.Text() != "event: elicitation" {
		continue
	}
	r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/api/v1/elicitations/e1", strings.NewReader(`{"action":"decline"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := <-done; got != `{"action":"decline"}` || answer.StatusCode != http.StatusOK {
		t.Errorf("answer %d, result %q", answer.StatusCode, got)
	}
}

func TestPrune_ForgetsSessionsUnusedForAWeekAndKeepsTheLastChanges(t *testing.T) {
	d := smallDaemon(t)
	ctx := context.Background()
	c, rev, err := d.store.CreateClient(ctx, store.NewClient{Name: "cursor", Mode: mcpmux.ModeFollow})
	if err != nil {
		t.Fatal(err)
	}
	used := time.Now()
	if err := d.store.SaveSession(ctx, mcpmux.Session{ID: "s", Client: c.ID, CreatedAt: used, UsedAt: used}); err != nil {
		t.Fatal(err)
	}
	d.state.Store(&mcpmux.State{})
	d.prune(ctx, used.Add(keepSessions-time.Minute))
	if _, found, err := d.store.Session(ctx, "s"); !found || err != nil {
		t.Errorf("the session went early: %v", err)
	}
	d.prune(ctx, used.Add(keepSessions+time.Minute))
	if _, found, err := d.store.Session(ctx, "s"); found || err != nil {
		t.Errorf("the session stayed: %v", err)
	}
	if all, err := d.store.Changes(ctx, 0, 100); int64(len(all)) != rev || err != nil {
		t.Errorf("%d of %d changes are left, %v", len(all), rev, err)
	}
}

// nobodyCalls is a gateway without sessions.
type nobodyCalls struct{ commands }

func (nobodyCalls) Connected() map[mcpmux.ClientID]int { return nil }
