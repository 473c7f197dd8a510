package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// sessionHeader carries the secret of a login. A page of another origin can make a browser send a cookie,
	// but not this.
	sessionHeader = "X-Mcpmux-Session"

	// ticketLife is how long a ticket waits to be used; a browser needs a few seconds to start.
	ticketLife = 60 * time.Second

	// sessionLife is how long a login lasts: a working day.
	sessionLife = 12 * time.Hour

	// maxTickets and maxSessions bound what is remembered; the oldest makes room.
	maxTickets  = 16
	maxSessions = 25
)

// logins are the tickets that wait and the logins that last. They are in memory: a restart of the daemon ends
// them all. Of tickets, cookies and secrets only hashes are kept.
type logins struct {
	cookie string // the cookie's name
	now    func() time.Time

	// mu guards the following.
	mu       sync.Mutex
	tickets  map[[32]byte]time.Time // when each ends
	sessions map[[32]byte]*session  // by the hash of the cookie
}

type session struct {
	secret [32]byte
	ends   time.Time
	// over is closed with the session, and its streams end.
	over chan struct{}
}

// newLogins names the cookie after the installation: cookies do not know ports, so two daemons on one machine
// would overwrite each other's.
func newLogins(install string, now func() time.Time) *logins {
	return &logins{
		cookie: "mcpmux_" + install[:min(8, len(install))], now: now,
		tickets: map[[32]byte]time.Time{}, sessions: map[[32]byte]*session{},
	}
}

// token is 256 random bits as text.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (l *logins) newTicket() (ticket string, ends time.Time) {
	ticket, ends = token(), l.now().Add(ticketLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if len(l.tickets) >= maxTickets {
		delete(l.tickets, oldest(l.tickets, func(t time.Time) time.Time { return t }))
	}
	l.tickets[sha256.Sum256([]byte(ticket))] = ends
	return ticket, ends
}

// redeem uses a ticket up and begins a session.
func (l *logins) redeem(ticket string) (cookie string, s api.Session, ok bool) {
	sum := sha256.Sum256([]byte(ticket))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if _, ok := l.tickets[sum]; !ok {
		return "", s, false
	}
	delete(l.tickets, sum)
	if len(l.sessions) >= maxSessions {
		l.end(oldest(l.sessions, func(s *session) time.Time { return s.ends }))
	}
	cookie, s = token(), api.Session{Secret: token(), ExpiresAt: l.now().Add(sessionLife)}
	l.sessions[sha256.Sum256([]byte(cookie))] = &session{
		secret: sha256.Sum256([]byte(s.Secret)), ends: s.ExpiresAt, over: make(chan struct{}),
	}
	return cookie, s, true
}

// find is the session of a request: both halves must be right.
func (l *logins) find(r *http.Request) (id [32]byte, s *session) {
	c, err := r.Cookie(l.cookie)
	if err != nil {
		return id, nil
	}
	id = sha256.Sum256([]byte(c.Value))
	secret := sha256.Sum256([]byte(r.Header.Get(sessionHeader)))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	s = l.sessions[id]
	if s == nil || subtle.ConstantTimeCompare(s.secret[:], secret[:]) == 0 {
		return id, nil
	}
	return id, s
}

func (l *logins) logout(id [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(id)
}

// end and sweep are called with mu held.
func (l *logins) end(id [32]byte) {
	if s := l.sessions[id]; s != nil {
		close(s.over)
		delete(l.sessions, id)
	}
}

func (l *logins) sweep() {
	now := l.now()
	for sum, ends := range l.tickets {
		if !now.Before(ends) {
			delete(l.tickets, sum)
		}
	}
	for id, s := range l.sessions {
		if !now.Before(s.ends) {
			l.end(id)
		}
	}
}

func oldest[V any](all map[[32]byte]V, at func(V) time.Time) (key [32]byte) {
	first := true
	var when time.Time
	for k, v := range all {
		if t := at(v); first || t.Before(when) {
			first, key, when = false, k, t
		}
	}
	return key
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

func (a *Admin) ticket(*http.Request) (api.Ticket, error) { return a.Ticket() }

// errNoLogin is the answer to who is not logged in.
var errNoLogin = mcpmux.Errorf(mcpmux.CodeLoginRequired, "you are not logged in: run `mcpmux dashboard` in a terminal, which opens the dashboard logged in")

// login is POST /session: a ticket becomes a session.
func (a *Admin) login(w http.ResponseWriter, r *http.Request) error {
	var body api.SessionTicket
	if err := readBody(w, r, &body, false); err != nil {
		return err
	}
	cookie, s, ok := a.logins.redeem(body.Ticket)
	if !ok {
		return mcpmux.Errorf(mcpmux.CodeLoginRequired, "this address was used before or is older than a minute; run `mcpmux dashboard` again")
	}
	a.setCookie(w, cookie, int(sessionLife/time.Second))
	return answer(w, s, nil)
}

// logout is DELETE /session.
func (a *Admin) logout(w http.ResponseWriter, r *http.Request) error {
	id, s := a.logins.find(r)
	if s == nil {
		return errNoLogin
	}
	a.logins.logout(id)
	a.setCookie(w, "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setCookie says Secure where the dashboard's origin is one of https, and not else: Safari keeps no such cookie from
// http://localhost.
func (a *Admin) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: see above; it is for this machine's own pages, without TLS.
		Name: a.logins.cookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(a.cfg.Process().DashboardURL, "https:"),
	})
}

// loggedIn lets only requests with a login through, and ends them with it.
func (a *Admin) loggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, s := a.logins.find(r)
		if s == nil {
			a.fail(w, r, errNoLogin)
			return
		}
		ctx, cancel := context.WithDeadline(context.WithValue(r.Context(), wayKey{}, wayDashboard), s.ends)
		defer cancel()
		if r.Method == http.MethodGet { // a write that has begun is not given up half-way
			done := make(chan struct{})
			defer close(done)
			go func() {
				select {
				case <-s.over:
					cancel()
				case <-done:
				}
			}()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
