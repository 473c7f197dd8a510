package admin

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// record writes n calls of a client that there is and one that is gone, and a decision, and answers the client's name.
func (w *world) record(n int) {
	w.t.Helper()
	w.must("POST", "/clients", `{"name":"cursor"}`)
	st, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	begin := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	list := []mcpmux.Activity{{At: begin.Add(-48 * time.Hour), Method: "auth/consent", Outcome: "ok", Actor: "user (dashboard)", Detail: "=cmd()"}}
	for i := range n {
		a := mcpmux.Activity{
			At: begin.Add(time.Duration(i) * time.Second), Client: st.Clients[0].ID, Space: st.Spaces[0].ID, Server: "github", Method: "tools/call",
			Name: fmt.Sprint("github_tool", i), Outcome: "ok", Duration: mcpmux.Duration(1500 * time.Microsecond),
		}
		switch i % 3 {
		case 1:
			a.Client = gone
		case 2:
			a.Server, a.Outcome, a.Code, a.Detail = "", "denied", -32602, "Unknown tool: +1"
		}
		list = append(list, a)
	}
	if err := w.store.AppendActivity(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
}

const gone = "019abcde-0000-7000-8000-000000000001"

func TestAudit_EachParameterNarrowsTheRecord(t *testing.T) {
	w := newWorld(t)
	w.record(9)
	for query, want := range map[string]string{
		"":                                   "1 2 3 4 5 6 7 8 9 10",
		"client=cursor":                      "2 4 5 7 8 10",
		"client=" + gone:                     "3 6 9",
		"server=github":                      "2 3 5 6 8 9",
		"space=My%20Space":                   "2 3 4 5 6 7 8 9 10",
		"outcome=denied":                     "4 7 10",
		"search=TOOL7":                       "9",
		"search=unknown+tool":                "4 7 10",
		"decisions=1":                        "1",
		"requests=1&limit=2":                 "9 10",
		"since=2h":                           "2 3 4 5 6 7 8 9 10",
		"until=1d":                           "1",
		"since=3d&until=2000-01-31":          "",
		"limit=3":                            "8 9 10",
		"limit=3&before=8":                   "5 6 7",
		"after=4&limit=2":                    "5 6",
		"after=4&before=6":                   "5",
		"server=github&before=6&limit=2":     "3 5",
		"limit=0":                            "",
		"client=" + gone + "&outcome=denied": "",
	} {
		var got []string
		for _, e := range read[[]api.Activity](t, w.must("GET", "/audit?"+query, "")) {
			got = append(got, strconv.FormatInt(e.ID, 10))
			if (e.Verdict == api.VerdictDenied) != (e.Outcome == "denied") {
				t.Errorf("decision %s of outcome %s", e.Verdict, e.Outcome)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("?%s: %v, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"client=nobody", "space=nowhere", "outcome=fine", "since=soon", "until=-1h", "since=99999999999999999999d", "before=x", "follow=1&before=3", "requests=maybe"} {
		if status, text := w.ask("GET", "/audit?"+bad, ""); status != 400 && status != 404 {
			t.Errorf("?%s: %d %s", bad, status, text)
		}
	}
}

func TestAudit_WhoFollowsGetsTheLastAndThenWhatTheFilterWants(t *testing.T) {
	w := newWorld(t)
	w.record(6)
	srv := httptest.NewServer(w.socket)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+prefix+"/audit?follow=1&limit=1&outcome=denied", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	next := func() (e api.Activity) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Fatal(err)
				}
				return e
			}
		}
		t.Fatal("the stream ended")
		return e
	}
	if e := next(); e.ID != 7 {
		t.Errorf("first %d", e.ID)
	}
	more := []mcpmux.Activity{{At: time.Now(), Method: "tools/call", Outcome: "ok"}, {At: time.Now(), Method: "tools/call", Outcome: "denied"}}
	if err := w.store.AppendActivity(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	if e := next(); e.ID != 9 {
		t.Errorf("then %d", e.ID)
	}
}

func TestExport_HasWhatTheFilterWantsInBothFormats(t *testing.T) {
	w := newWorld(t)
	w.record(30)
	for _, query := range []string{"", "server=github", "decisions=1", "search=no-such-thing"} {
		want := read[[]api.Activity](t, w.must("GET", "/audit?limit=1000&"+query, ""))
		var lines []api.Activity
		for line := range strings.Lines(w.must("GET", "/audit/export?"+query, "")) {
			lines = append(lines, read[api.Activity](t, line))
		}
		if diff := cmp.Diff(want, append([]api.Activity{}, lines...)); diff != "" {
			t.Errorf("jsonl ?%s:\n%s", query, diff)
		}
		rows, err := csv.NewReader(strings.NewReader(w.must("GET", "/audit/export?format=csv&"+query, ""))).ReadAll()
		if err != nil || len(rows) != len(want)+1 || !slices.Equal(rows[0], csvHeading) {
			t.Fatalf("csv ?%s: %d rows (%v), %v", query, len(rows), err, rows[:1])
		}
		for i, row := range rows[1:] {
			e := &want[i]
			if row[0] != strconv.FormatInt(e.ID, 10) || row[2] != e.ClientName || row[8] != e.Name || row[9] != string(e.Verdict) || e.Method == "tools/call" && row[12] != "1.500" {
				t.Errorf("row %q of %+v", row, e)
			}
		}
	}
}

func TestExport_IsAFileThatNoSpreadsheetTakesForFormulas(t *testing.T) {
	w := newWorld(t)
	w.record(3)
	rec := httptest.NewRecorder()
	w.socket.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"/audit/export?format=csv", nil))
	if h := rec.Header(); !strings.HasPrefix(h.Get("Content-Disposition"), `attachment; filename="mcpmux-activity-`) || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") || h.Get("Content-Length") != "" {
		t.Errorf("%v", h)
	}
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || rows[1][14] != "'=cmd()" || rows[4][11] != "-32602" {
		t.Errorf("%v %q", err, rows)
	}
	for _, text := range []string{"=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"} {
		if got := tame(text); got != "'"+text {
			t.Errorf("%q is %q", text, got)
		}
	}
	for _, text := range []string{"", "a=1", "é"} {
		if got := tame(text); got != text {
			t.Errorf("%q is %q", text, got)
		}
	}
	if status, text := w.ask("GET", "/audit/export?format=xlsx", ""); status != 400 {
		t.Errorf("%d %s", status, text)
	}
}

// brokenWriter is a reader's connection that breaks.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestExport_ThatFailsIsBrokenOff(t *testing.T) {
	w := newWorld(t)
	w.record(3)
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			t.Errorf("ended with %v", cause)
		}
	}()
	w.socket.ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"/audit/export", nil))
}

func TestSummary_HasNamesAndCounts(t *testing.T) {
	w := newWorld(t)
	w.record(9)
	s := read[api.ActivitySummary](t, w.must("GET", "/activity/summary?window=24h&space="+url.QueryEscape("My Space"), ""))
	if s.Window != "24h" || len(s.Buckets) != 96 || s.Total.Calls != 9 || s.Total.Denied != 3 || time.Duration(s.Total.Median).Round(100*time.Microsecond) != 1500*time.Microsecond {
		t.Errorf("%+v", s.Total)
	}
	var got []string
	for _, n := range slices.Concat(s.Servers, s.Tools[:1], s.Clients) {
		got = append(got, fmt.Sprint(n.Name, " ", n.Server, " ", n.Space, " ", n.Calls))
	}
	if want := []string{"github  My Space 6", "github_tool0 github My Space 1", "cursor   6", "   3"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := read[api.ActivitySummary](t, w.must("GET", "/activity/summary?space="+gone, "")); got.Total.Calls != 0 || got.Window != "1h" || got.Tools == nil {
		t.Errorf("of a Space that is gone: %+v", got)
	}
	if status, text := w.ask("GET", "/activity/summary?window=2h", ""); status != 400 || !strings.Contains(text, "24h") {
		t.Errorf("%d %s", status, text)
	}
}

func TestRecorded_IsAnEventOnlyWhereSomebodyListens(t *testing.T) {
	w := newWorld(t)
	w.admin.Recorded(1)
	queue, stop := w.admin.events.subscribe()
	defer stop()
	w.admin.Recorded(12)
	if ev := <-queue; ev.name != "activity" || string(ev.data) != `{"records":12}` || len(queue) != 0 {
		t.Errorf("%s %s, %d more", ev.name, ev.data, len(queue))
	}
}

func FuzzMoment_IsAMomentOrAnErrorInWords(f *testing.F) {
	for _, text := range []string{"", "1h", "7d", "2026-01-31", "2026-01-31T12:00:00+02:00", "-1d", "99999999999999999999d", "1e9h", "d"} {
		f.Add(text)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, text string) {
		at, err := moment(text, now)
		if err != nil && mcpmux.CodeOf(err) != mcpmux.CodeInvalid || err == nil && at.IsZero() != (text == "") && !strings.HasPrefix(text, "0001-01-01") {
			t.Errorf("%q: %v, %v", text, at, err)
		}
	})
}

// Who asks for what comes after Mcpmux-Last misses nothing, and sees nothing twice.
func TestAudit_LastIsWhereToGoOn(t *testing.T) {
	w := newWorld(t)
	w.record(9)
	ask := func(query string) (ids []int64, last string) {
		t.Helper()
		rec := httptest.NewRecorder()
		w.socket.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"/audit?"+query, nil))
		for _, e := range read[[]api.Activity](t, rec.Body.String()) {
			ids = append(ids, e.ID)
		}
		return ids, rec.Header().Get(lastHeader)
	}
	for query, want := range map[string]string{
		"": "10", "limit=2": "10", "outcome=cancelled": "10", "before=3": "10", "after=4": "10", "after=4&limit=2": "6", "after=10": "10", "outcome=denied&after=4&limit=1": "7", "limit=0": "10",
	} {
		if ids, last := ask(query); last != want {
			t.Errorf("?%s: %v, last %s, want %s", query, ids, last, want)
		}
	}
}

// discard is a connection whose reader takes everything.
type discard struct {
	http.ResponseWriter
	n int
}

func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }

// BenchmarkExport writes 100,000 records; its memory does not grow with them.
func BenchmarkExport(b *testing.B) {
	st, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "data", "mcpmux.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	list := make([]mcpmux.Activity, 100_000)
	for i := range list {
		list[i] = mcpmux.Activity{
			At: time.Now(), Client: gone, Space: gone, Server: "github", Method: "tools/call", Name: fmt.Sprint("github_tool", i%100), Outcome: "ok", Duration: mcpmux.Duration(i),
		}
	}
	if err := st.AppendActivity(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	a, err := New(Config{
		Store: st, Servers: servers{}, Gateway: &front{}, Logins: played{}, Requests: nobodyWaits{}, Secrets: playedKey{},
		NewKey: func() (string, string, [32]byte) { return "", "", [32]byte{} }, Process: func() api.Process { return api.Process{} },
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range []string{"jsonl", "csv"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				w := &discard{ResponseWriter: httptest.NewRecorder()}
				a.Socket().ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, prefix+"/audit/export?format="+format, nil))
				b.SetBytes(int64(w.n))
			}
		})
	}
}
