package authclient

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// The refresh token comes first: it ends what came of it, should the second request not arrive.
func TestLogout_RevokesBothTokensAsTheClientThatHasThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{AuthMethods: []string{oauthtest.AuthBasic}})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	have, _ := w.tokens(t.Context(), id)
	if _, err := w.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var hints []string
	for _, q := range w.at.Requests(oauthtest.Revoke) {
		hints = append(hints, q.Form.Get("token_type_hint"))
		if q.Status != http.StatusOK || proofIn(q) != oauthtest.AuthBasic {
			t.Errorf("%d by %s", q.Status, proofIn(q))
		}
	}
	if !slices.Equal(hints, []string{"refresh_token", "access_token"}) {
		t.Errorf("revoked %q", hints)
	}
	for _, token := range []string{have.Access, have.Refresh} {
		if rec, _ := w.at.Record(token); rec.Live {
			t.Error("a token lives on")
		}
	}
	needs(t, w.renew(id), "wants a login")
	if n := w.grants("refresh_token"); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}

// What cannot be revoked is forgotten all the same, without waiting for who does not answer.
func TestLogout_WhereNothingIsRevokedNothingIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{ASM: oauthtest.Members{"revocation_endpoint": nil}})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	if rev, err := w.Logout(t.Context(), id); err != nil || rev == 0 {
		t.Errorf("%d %v", rev, err)
	}
	if n := w.at.Count(oauthtest.Revoke) + w.at.Count(oauthtest.Other); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// What was begun is over with the login: an address of before logs nobody in.
func TestLogout_EndsWhatWasBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	b, err := w.Begin(t.Context(), id, MethodBrowser, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if p := w.Progress(t.Context(), id); p.State != ProgressFailed || !strings.Contains(p.Reason, "logged out") {
		t.Errorf("%+v", p)
	}
	if status, _ := open(t, browser(t), b.URL); status != http.StatusNotFound {
		t.Errorf("the start: %d", status)
	}
	c := browser(t)
	back := w.leave(c, id)
	if _, err := w.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if status, _ := open(t, c, back); status != http.StatusBadRequest {
		t.Errorf("the way back: %d", status)
	}
	if n := w.at.Count(oauthtest.Token); n != 0 {
		t.Errorf("%d requests for tokens", n)
	}
}

// A renewal that is under way does not log in again whoever has just logged out; what it brings is revoked too.
func TestLogout_OutdoesARenewalThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	r := w.refusal(id)
	w.at.Update(func(s *oauthtest.Script) {
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Hold: true, Times: 1}}}
	})
	renewed := make(chan error, 1)
	go func() { renewed <- w.Renew(t.Context(), id, r) }()
	if !w.at.Await(t.Context(), func() bool { return w.at.Held(oauthtest.Token) == 1 }) {
		t.Fatal("nothing is under way")
	}
	out := make(chan error, 1)
	go func() {
		_, err := w.Logout(t.Context(), id)
		out <- err
	}()
	w.at.Release()
	if err := <-out; err != nil {
		t.Error(err)
	}
	if err := <-renewed; err != nil {
		t.Log(err) // whatever it met
	}
	w.Settle(t.Context())
	if all, err := w.store.Credentials(t.Context(), id); err != nil || len(all) != 0 {
		t.Errorf("%d credentials are kept, %v", len(all), err)
	}
	for _, token := range w.at.Tokens() {
		if rec, _ := w.at.Record(token); rec.Live {
			t.Error("a token lives on")
		}
	}
}

// A device login that gets its tokens while the person logs out is not one.
func TestLogout_EndsADeviceLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Hold: true}}}})
	id := w.server("gh", mcpmux.LoginConfig{})
	if _, err := w.Begin(t.Context(), id, MethodDevice, false); err != nil {
		t.Fatal(err)
	}
	if !w.at.Await(t.Context(), func() bool { return w.at.Held(oauthtest.Token) == 1 }) {
		t.Fatal("nothing is asked")
	}
	if _, err := w.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.at.Release()
	if p := w.Progress(t.Context(), id); p.State != ProgressFailed {
		t.Errorf("%+v", p)
	}
	w.Close()
	if all, err := w.store.Credentials(t.Context(), id); err != nil || len(all) != 0 {
		t.Errorf("%d credentials are kept, %v", len(all), err)
	}
}
