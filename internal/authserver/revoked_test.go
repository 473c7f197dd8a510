package authserver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// What is answered as revoked lets nobody in. Where that is not so yet, the application hears it.
func TestRevoke_IsNotAnsweredBeforeItCounts(t *testing.T) {
	late := false
	var w *world
	w = newWorld(t, func(c *Config) {
		c.Applied = func(ctx context.Context, _ int64) error {
			if late {
				return errors.New("not yet")
			}
			return w.apply(ctx)
		}
	})
	client := w.client("Cursor")
	g := w.login(client, nil)
	late = true
	for _, token := range []string{g.Access, g.Refresh} {
		a := w.post(revokePath, "application/x-www-form-urlencoded", url.Values{"client_id": {client}, "token": {token}}.Encode())
		a.is(t, http.StatusServiceUnavailable, "server_error")
	}
}

// A page that approves by itself what the user agreed to before must not do so for an application that was logged out, or
// removed, while the page waited for its user to log in.
func TestRequest_IsNotAgreedToAnyMoreOnceItsClientWasLoggedOutOrRemoved(t *testing.T) {
	for name, end := range map[string]func(*world, mcpmux.ClientID) error{
		"logged out": func(w *world, id mcpmux.ClientID) error {
			_, err := w.store.ForgetConsents(w.t.Context(), id)
			return err
		},
		"denied": func(w *world, id mcpmux.ClientID) error {
			_, err := w.store.SetClientApproved(w.t.Context(), id, false)
			return err
		},
		"removed": func(w *world, id mcpmux.ClientID) error {
			_, err := w.store.DeleteClient(w.t.Context(), id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			app := w.client("Cursor")
			id := w.approve(w.begun(app, nil))
			again := w.begun(app, nil)
			if q, err := w.server.Request(t.Context(), again.id); err != nil || !q.Agreed || q.Client != id {
				t.Fatalf("%+v, %v", q, err)
			}
			if err := end(w, id); err != nil {
				t.Fatal(err)
			}
			q, err := w.server.Request(t.Context(), again.id)
			if err != nil || q.Agreed || q.Client == id && name == "removed" {
				t.Errorf("%+v, %v", q, err)
			}
			if all := w.server.Requests(); len(all) != 1 || all[0].Agreed {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestAudit_TellsOfWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	w.authorize(client, map[string]string{"scope": "everything"}).is(t, http.StatusFound, "")
	w.exchange(client, "mm_ac_nonsense", nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.refresh(client, "mm_rt_nonsense", nil).is(t, http.StatusBadRequest, "invalid_grant")
	for _, method := range []string{"auth/authorize", "auth/token", "auth/refresh"} {
		if n := w.records(method); n != 1 {
			t.Errorf("%d records of %s", n, method)
		}
	}
	for range registerRate + 1 {
		w.register(`{"redirect_uris":["http://localhost/callback"]}`)
	}
	if n := w.records("auth/register"); n != registerRate+2 { // with the first one, which counts for the limit too
		t.Errorf("%d records of registrations", n)
	}
}

// Logins come and go: what they leave behind is bounded, and who is seen is told all the same.
func TestLastSeen_ForgetsWhoIsNotSeenAnyMore(t *testing.T) {
	l := NewLastSeen(time.Now)
	for i := range 2 * maxSeen {
		l.Seen("c", mcpmux.KeyID(strconv.Itoa(i)))
	}
	if n := len(l.Flush().Keys); n != 2*maxSeen {
		t.Errorf("%d were told", n)
	}
	l.Seen("c", "7")
	if u := l.Flush(); len(u.Keys) != 1 || len(*l.used.Load()) != 1 {
		t.Errorf("%d were told, %d are kept", len(u.Keys), len(*l.used.Load()))
	}
}
