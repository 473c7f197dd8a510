package daemon

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

func TestDecisions_RefusalsThatAreAlikeAreOneRowAndACount(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var rows []mcpmux.Activity
	d := newDecisions(func(a mcpmux.Activity) { rows = append(rows, a) }, func() time.Time { return now })
	no := mcpmux.Activity{Method: "auth/token", Outcome: "denied", Actor: "peer 127.0.0.1", Detail: "no such code"}
	for range 500 {
		d.record(no)
	}
	other := no
	other.Actor = "peer ::1"
	d.record(other)
	yes := no
	yes.Outcome = "ok"
	d.record(yes)
	d.record(yes)
	if len(rows) != 4 {
		t.Fatalf("%d rows at once, want each refusal once and what was let through: %+v", len(rows), rows)
	}
	now = now.Add(decisionsWithin - 1)
	if d.flush(false); len(rows) != 4 {
		t.Errorf("counted too early: %+v", rows[4:])
	}
	now = now.Add(1)
	if d.flush(false); len(rows) != 5 || !strings.Contains(rows[4].Detail, "no such code (499 like this") {
		t.Errorf("then %+v", rows[4:])
	}
	if d.record(no); len(rows) != 6 {
		t.Error("after that time one is written again at once")
	}
	d.record(no)
	if d.flush(true); len(rows) != 7 || rows[6].Detail != no.Detail {
		t.Errorf("at the end: %+v", rows[6:])
	}
}

func TestDecisions_AFloodOfActorsIsCountedTogether(t *testing.T) {
	var rows []mcpmux.Activity
	d := newDecisions(func(a mcpmux.Activity) { rows = append(rows, a) }, time.Now)
	for i := range maxDecisions + 100 {
		d.record(mcpmux.Activity{Method: "auth/token", Outcome: "denied", Actor: "peer " + strconv.Itoa(i)})
	}
	if len(rows) != maxDecisions+1 || len(d.seen) != maxDecisions+1 {
		t.Errorf("%d rows, %d kept", len(rows), len(d.seen))
	}
	if d.flush(true); len(rows) != maxDecisions+2 || !strings.Contains(rows[len(rows)-1].Detail, "99 like this") {
		t.Errorf("at the end %d rows, the last %+v", len(rows), rows[len(rows)-1])
	}
}

func TestDecisions_OfEachClientAreCountedApart(t *testing.T) {
	var rows []mcpmux.Activity
	d := newDecisions(func(a mcpmux.Activity) { rows = append(rows, a) }, time.Now)
	for _, id := range []mcpmux.ClientID{"a", "b", "a"} {
		d.record(mcpmux.Activity{Method: "auth/refused", Outcome: "denied", Client: id, Actor: "peer 127.0.0.1"})
	}
	if len(rows) != 2 || rows[0].Client != "a" || rows[1].Client != "b" {
		t.Errorf("%+v", rows)
	}
}

func TestRecord_HasNothingThatWasGivenOut(t *testing.T) {
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "mcpmux.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	d := &daemon{store: st}
	key, hint, _ := authserver.NewKey()
	err = d.appendActivity(t.Context(), []mcpmux.Activity{
		{Method: "admin/delete", Name: "/clients/a/keys/" + key, Outcome: "error"},
		{Method: "admin/post", Name: "/clients/a/grants?access_key=" + key + "&x=1", Actor: key, Detail: "it was " + key + ".", Outcome: "error"},
		{Method: "tools/call", Name: "mm_keyboard", Outcome: "ok"},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := st.Activities(t.Context(), store.ActivityFilter{})
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	if text := fmt.Sprint(rows); strings.Contains(text, hint[len("mm_key_"):]) {
		t.Errorf("the key is in %s", text)
	}
	if n := rows[1].Name; n != "/clients/a/grants?access_key=mm_key_[redacted]&x=1" || rows[1].Detail != "it was mm_key_[redacted]." || rows[2].Name != "mm_keyboard" {
		t.Errorf("%q %q %q", n, rows[1].Detail, rows[2].Name)
	}
}

// Who comes without a credential is about to log in; who comes with one that is no good is recorded, by name where it is
// known.
func TestChallenge_ARefusedCredentialIsRecorded(t *testing.T) {
	var rows []mcpmux.Activity
	verify := authserver.NewVerifier(time.Now)
	key, _, hash := authserver.NewKey()
	verify.Apply(&mcpmux.State{Clients: []mcpmux.Client{{ID: "denied"}}, Keys: []mcpmux.AccessKey{{ID: "k", Client: "denied", Hash: hash}}})
	d := &daemon{verify: verify}
	f := &front{identify: d.identify, audit: func(a mcpmux.Activity) { rows = append(rows, a) }}
	for _, header := range []string{"", "Bearer mm_key_nonsense", "Bearer " + key} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
		r.Header.Set("Authorization", header)
		_, err := d.identify(header)
		f.recordRefused(r, err)
	}
	if len(rows) != 2 || rows[0].Client != "" || rows[1].Client != "denied" {
		t.Fatalf("%+v", rows)
	}
	for _, row := range rows {
		if row.Method != "auth/refused" || row.Outcome != "denied" || row.Actor != "peer 192.0.2.1" || row.Detail == "" || strings.Contains(fmt.Sprint(row), "mm_key_") {
			t.Errorf("%+v", row)
		}
	}
}
