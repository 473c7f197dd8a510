package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// sessionIdle is how long a session lasts without a request: a night and a lunch break, not a weekend. A stream
	// that is open is no request: a page that was forgotten does not keep itself logged in.
	sessionIdle = 12 * time.Hour

	// sessionLife is how long a session lasts at most.
	sessionLife = 7 * 24 * time.Hour

	// maxSessions bounds what is remembered; the oldest makes room.
	maxSessions = 25

	// lookEvery is how often it is looked for sessions that ended. Timers stand still while a machine sleeps, so
	// none waits for the end of a session itself.
	lookEvery = time.Minute
)

// session is a browser that is logged in. Its cookie says which one it is, its secret that the page itself asks: a
// browser sends the cookie to every port of this machine, whoever listens there, and for whatever page.
type session struct {
	id     string // for people
	secret [32]byte
	visitor
	began, used time.Time
	// over is closed with the session, and its streams end.
	over chan struct{}
}

// ends is when the session ends if nothing is asked any more.
func (s *session) ends() time.Time {
	idle, last := s.used.Add(sessionIdle), s.began.Add(sessionLife)
	if idle.Before(last) {
		return idle
	}
	return last
}

// logins are the tickets and codes that wait, and the sessions that last. They are in memory: a restart of the daemon
// ends them all. Of tickets, codes, cookies and secrets only hashes are kept.
type logins struct {
	cookie string // the cookie's name
	clock  func() time.Time

	// mu guards the following.
	mu       sync.Mutex
	tickets  map[[32]byte]time.Time // when each ends
	pairings map[[32]byte]*pairing  // by the hash of the secret that its page asks with
	sessions map[[32]byte]*session  // by the hash of the cookie
	look     *time.Timer            // runs while there is a session; nil before the first
	closed   bool
}

// newLogins names the cookie after the installation: cookies do not know ports, so two daemons on one machine
// would overwrite each other's. The name is from its hash: the ids of installations made shortly after each other
// begin alike.
func newLogins(install string, now func() time.Time) *logins {
	sum := hashed(install)
	return &logins{
		cookie: "mcpmux_" + hex.EncodeToString(sum[:4]), clock: now,
		tickets: map[[32]byte]time.Time{}, pairings: map[[32]byte]*pairing{}, sessions: map[[32]byte]*session{},
	}
}

// now is the time of the wall: the other one does not pass while the machine sleeps.
func (l *logins) now() time.Time { return l.clock().Round(0) }

// close lets no timer run any more. Sessions stay, for requests that are on their way.
func (l *logins) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.look != nil {
		l.look.Stop()
	}
}

// token is 256 random bits as text.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashed(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// begin makes a session, with mu held.
func (l *logins) begin(v visitor) (cookie string, out api.Session) {
	if len(l.sessions) >= maxSessions {
		l.end(oldest(l.sessions, func(s *session) time.Time { return s.began }))
	}
	now := l.now()
	cookie, out.Secret = token(), token()
	s := &session{
		id: strings.ToLower(rand.Text()[:8]), secret: hashed(out.Secret), visitor: v, began: now, used: now, over: make(chan struct{}),
	}
	l.sessions[hashed(cookie)] = s
	out.ExpiresAt = s.began.Add(sessionLife)
	l.lookAgain()
	return cookie, out
}

// lookAgain lets the next look for sessions that ended take place, with mu held.
func (l *logins) lookAgain() {
	if l.closed || len(l.sessions) == 0 {
		return
	}
	next := lookEvery
	for _, s := range l.sessions {
		next = min(next, max(s.ends().Sub(l.now()), time.Millisecond))
	}
	if l.look == nil {
		l.look = time.AfterFunc(next, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.sweep()
			l.lookAgain()
		})
		return
	}
	l.look.Reset(next)
}

// find is the session of a request. Who sends no cookie of a session is not logged in; who sends one needs its secret
// too, and may be a page that only made the browser send the cookie.
//
// A cookie of another port or path can stand before ours, under its name: each of them is looked at.
func (l *logins) find(r *http.Request) (*session, error) {
	secret := hashed(r.Header.Get(sessionHeader))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	var err error = errNoLogin
	for _, c := range r.CookiesNamed(l.cookie) {
		s := l.sessions[hashed(c.Value)]
		if s == nil {
			continue
		}
		if subtle.ConstantTimeCompare(s.secret[:], secret[:]) == 1 {
			s.used = l.now()
			return s, nil
		}
		err = errNoSecret
	}
	return nil, err
}

// endWhere ends the sessions that match and answers them.
func (l *logins) endWhere(match func(*session) bool) []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	var ended []*session
	for key, s := range l.sessions {
		if match(s) {
			l.end(key)
			ended = append(ended, s)
		}
	}
	return ended
}

// endAll ends every session, and what could become one.
func (l *logins) endAll() []*session {
	ended := l.endWhere(func(*session) bool { return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.tickets)
	clear(l.pairings)
	return ended
}

// end and sweep are called with mu held.
func (l *logins) end(key [32]byte) {
	if s := l.sessions[key]; s != nil {
		close(s.over)
		delete(l.sessions, key)
	}
}

func (l *logins) sweep() {
	now := l.now()
	for sum, ends := range l.tickets {
		if !now.Before(ends) {
			delete(l.tickets, sum)
		}
	}
	for sum, p := range l.pairings {
		if !now.Before(p.ends) {
			delete(l.pairings, sum)
		}
	}
	for key, s := range l.sessions {
		if !now.Before(s.ends()) {
			l.end(key)
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

// list is every session as mine sees it, which may be nil; the newest first.
func (l *logins) list(mine *session) []api.DashboardSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	out := []api.DashboardSession{}
	for _, s := range l.sessions {
		out = append(out, s.shown(mine))
	}
	slices.SortFunc(out, func(x, y api.DashboardSession) int {
		if n := y.CreatedAt.Compare(x.CreatedAt); n != 0 {
			return n
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out
}

func (s *session) shown(mine *session) api.DashboardSession {
	return api.DashboardSession{
		ID: s.id, Browser: s.browser(), UserAgent: s.agent, Peer: s.peer, Current: s == mine,
		CreatedAt: s.began, UsedAt: s.used, ExpiresAt: s.ends(),
	}
}

// sessionKey is the key under which a request's context holds its session.
type sessionKey struct{}

// sessionOf is the session that a request came with, nil over the control socket.
func sessionOf(r *http.Request) *session {
	s, _ := r.Context().Value(sessionKey{}).(*session)
	return s
}

func (a *Admin) listSessions(r *http.Request) ([]api.DashboardSession, error) {
	return a.logins.list(sessionOf(r)), nil
}

// endSessions logs out everywhere. What waits to become a session ends too.
func (a *Admin) endSessions(r *http.Request) ([]api.DashboardSession, error) {
	out := []api.DashboardSession{}
	for _, s := range a.logins.endAll() {
		out = append(out, s.shown(sessionOf(r)))
	}
	a.record("auth/logout", "ok", actor(r), "every browser")
	return out, nil
}

func (a *Admin) endSession(r *http.Request) (api.DashboardSession, error) {
	id := r.PathValue("id")
	ended := a.logins.endWhere(func(s *session) bool { return s.id == id })
	if len(ended) == 0 {
		return api.DashboardSession{}, mcpmux.Errorf(mcpmux.CodeNotFound, "no browser is logged in as session %.100q", id)
	}
	a.record("auth/logout", "ok", actor(r), ended[0].String())
	return ended[0].shown(sessionOf(r)), nil
}

// visitor is the browser of a login, as far as it tells.
type visitor struct {
	agent string // the header User-Agent, cut
	peer  string // its machine's address
	host  string // the name by which it came
}

// maxAgent is how many bytes of the header User-Agent are kept.
const maxAgent = 256

func visitorOf(r *http.Request) visitor {
	agent := r.UserAgent()
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	return visitor{agent: strings.ToValidUTF8(agent, ""), peer: guard.Peer(r), host: (&url.URL{Host: r.Host}).Hostname()}
}

// far says that the browser may not be on this machine: it comes from another address, or through a proxy on this one,
// by its public name.
func (v visitor) far() bool {
	switch v.host {
	case "localhost", "127.0.0.1", "::1":
		addr, err := netip.ParseAddr(v.peer)
		return err != nil || !addr.IsLoopback()
	}
	return true
}

func (v visitor) String() string { return v.browser() + " at " + v.peer }

// browserNames and systemNames are what of a User-Agent names the browser and its system. The order counts: each says
// that it is the ones below it as well.
//
//nolint:gochecknoglobals // constants
var (
	browserNames = [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"Vivaldi/", "Vivaldi"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"Chrome/", "Chrome"},
		{"CriOS/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systemNames = [][2]string{
		{"Android", "Android"},
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"Linux", "Linux"},
	}
)

// browser is the browser in words, like "Firefox on Linux".
func (v visitor) browser() string {
	name, system := named(browserNames, v.agent), named(systemNames, v.agent)
	if name == "" {
		name = "a browser"
	}
	if system == "" {
		return name
	}
	return name + " on " + system
}

func named(names [][2]string, agent string) string {
	for _, n := range names {
		if strings.Contains(agent, n[0]) {
			return n[1]
		}
	}
	return ""
}
