package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// sessionHeader carries the secret of a session. A page of another origin can make a browser send a cookie,
	// but not this.
	sessionHeader = "X-Mcpmux-Session"

	// ticketLife is how long a ticket waits to be used; a browser needs a few seconds to start.
	ticketLife = 60 * time.Second

	// maxTickets bounds what is remembered; the oldest makes room.
	maxTickets = 16

	// failuresPerMinute bounds how many logins of one machine fail before it is told to wait. Good ones always
	// succeed: nobody is locked out by others' mistakes.
	failuresPerMinute = 20

	ticketPrefix = "mm_tkt_"
)

// errNoLogin is the answer to who is not logged in.
var errNoLogin = mcpmux.Errorf(mcpmux.CodeLoginRequired, "you are not logged in: run `mcpmux dashboard` in a terminal, which opens the dashboard logged in")

// errNoSecret is the answer to a cookie without what belongs to it: 403, for the browser has a session that this page
// does not.
var errNoSecret error = &formError{
	http.StatusForbidden,
	mcpmux.Errorf(mcpmux.CodeLoginRequired, "this page is not the one that is logged in: run `mcpmux dashboard` in a terminal, which opens the dashboard logged in"),
}

func (l *logins) newTicket() (ticket string, ends time.Time) {
	ticket, ends = ticketPrefix+token(), l.now().Add(ticketLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if len(l.tickets) >= maxTickets {
		delete(l.tickets, oldest(l.tickets, func(t time.Time) time.Time { return t }))
	}
	l.tickets[hashed(ticket)] = ends
	return ticket, ends
}

// redeem uses a ticket up and begins a session.
func (l *logins) redeem(ticket string, v visitor) (cookie string, s api.Session, ok bool) {
	sum := hashed(ticket)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if _, ok := l.tickets[sum]; !ok {
		return "", s, false
	}
	delete(l.tickets, sum)
	cookie, s = l.begin(v)
	return cookie, s, true
}

// Ticket makes an address of the dashboard that logs a browser in, once. The ticket is in the fragment, which
// a browser does not send: no log has it.
func (a *Admin) Ticket() (api.Ticket, error) {
	origin := a.cfg.Process().DashboardURL
	if origin == "" {
		return api.Ticket{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "the dashboard is not open yet; try again")
	}
	ticket, ends := a.logins.newTicket()
	return api.Ticket{URL: origin + "/#ticket=" + ticket, ExpiresAt: ends}, nil
}

// ticket is for the control socket alone: a session that could make tickets would never have to end.
func (a *Admin) ticket(r *http.Request) (api.Ticket, error) {
	if fromDashboard(r) {
		return api.Ticket{}, mcpmux.Errorf(mcpmux.CodeDenied, "another browser is logged in from the command line: `mcpmux dashboard`, or `mcpmux login CODE`")
	}
	return a.Ticket()
}

// login is POST /session: a ticket, or a code that was typed into a terminal, becomes a session.
func (a *Admin) login(w http.ResponseWriter, r *http.Request) error {
	var body api.NewSession
	if err := readBody(w, r, &body, false); err != nil {
		return err
	}
	switch {
	case (body.Ticket == "") == (body.Pair == ""):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the body has either a ticket or a pair")
	case body.Pair != "":
		return a.loginByCode(w, r, body.Pair)
	}
	v := visitorOf(r)
	cookie, s, ok := a.logins.redeem(body.Ticket, v)
	if !ok {
		return a.notLoggedIn(w, v, http.StatusUnauthorized, "this address was used before or is older than a minute; run `mcpmux dashboard` again")
	}
	return a.welcome(w, r, cookie, s, v.String()+", by a ticket")
}

// loginByCode asks for a page that shows a code whether it is let in.
func (a *Admin) loginByCode(w http.ResponseWriter, r *http.Request, secret string) error {
	v := visitorOf(r)
	switch state, cookie, s := a.logins.poll(secret, v); state {
	case pairingWaits:
		writeJSON(w, http.StatusAccepted, []byte(`{"state":"waiting"}`))
		return nil
	case pairingDone:
		return a.welcome(w, r, cookie, s, v.String()+", by a code")
	default:
		return a.notLoggedIn(w, v, http.StatusGone, "the code does not count any more: it lasts for five minutes, or there were too many wrong ones; begin again")
	}
}

// notLoggedIn refuses what is to become a session, or where that went on for long, says to wait.
func (a *Admin) notLoggedIn(w http.ResponseWriter, v visitor, status int, message string) error {
	if ok, after := a.failures.Allow(v.peer); !ok {
		guard.TooMany(w, after, "too many logins failed; wait a moment")
		return nil
	}
	a.record("auth/refused", "denied", "peer "+v.peer, v.browser()+": a ticket or code that does not count")
	return &formError{status, mcpmux.Errorf(mcpmux.CodeLoginRequired, "%s", message)}
}

// welcome answers a login. The session that the browser had ends: its cookie is overwritten.
func (a *Admin) welcome(w http.ResponseWriter, r *http.Request, cookie string, s api.Session, detail string) error {
	a.logins.replaced(r)
	a.setCookie(w, cookie, int(sessionLife/time.Second))
	a.record("auth/login", "ok", "user (dashboard)", detail)
	return answer(w, s, nil)
}

// replaced ends the sessions of a request's cookies.
func (l *logins) replaced(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range r.CookiesNamed(l.cookie) {
		l.end(hashed(c.Value))
	}
}

// logout is DELETE /session.
func (a *Admin) logout(w http.ResponseWriter, r *http.Request) error {
	mine, err := a.logins.find(r)
	if err != nil {
		return err
	}
	a.logins.endWhere(func(s *session) bool { return s == mine })
	a.record("auth/logout", "ok", "user (dashboard)", mine.String())
	a.setCookie(w, "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setCookie says Secure where the dashboard's origin is one of https, and not else: Safari keeps no such cookie from
// http://localhost. Strict does for the page of a consent too, to which another site leads: it asks for itself.
func (a *Admin) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: see above; it is for this machine's own pages, without TLS.
		Name: a.logins.cookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(a.cfg.Process().DashboardURL, "https:"),
	})
}

// loggedIn lets only requests of a session through. Reads, streams among them, end with it; a write that has begun is
// not given up half-way.
func (a *Admin) loggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := a.logins.find(r)
		if err != nil {
			if errors.Is(err, errNoSecret) {
				a.record("auth/refused", "denied", "peer "+guard.Peer(r), "the cookie of a session without its secret")
			}
			a.fail(w, r, err)
			return
		}
		ctx := context.WithValue(context.WithValue(r.Context(), wayKey{}, wayDashboard), sessionKey{}, s)
		if r.Method == http.MethodGet {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			go func() {
				select {
				case <-s.over:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// record keeps a decision. Nothing in it is a secret.
func (a *Admin) record(method, outcome, actor, detail string) {
	a.cfg.Audit(mcpmux.Activity{At: a.cfg.Now(), Method: method, Outcome: outcome, Actor: actor, Detail: detail})
}
