package authserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// requestLife is how long a request waits for the user. Its outcome is told until then, and for as long as a
	// code lives.
	requestLife = 10 * time.Minute

	// maxRequests wait at a time, maxPerClient of one application; the oldest makes room, so that no page that
	// opens one after another keeps out the user's own.
	maxRequests  = 10
	maxPerClient = 3

	// lookUpWithin bounds how long it is looked up what the user agreed to with those that wait.
	lookUpWithin = 5 * time.Second

	// stateWait is how long an answer about a request waits for something to tell.
	stateWait = 25 * time.Second
)

// RequestState is how far a request is.
type RequestState string

// The states. A request that nobody knows (any more) is gone.
const (
	RequestWaiting  RequestState = "waiting"
	RequestApproved RequestState = "approved"
	RequestDenied   RequestState = "denied"
	RequestGone     RequestState = "gone"
)

// Request is an application's wish to be let in, as the user sees it. It is worth nothing to who began it: what can be
// exchanged for tokens is made when it is approved, and given to the browser that began it.
type Request struct {
	ID string
	// Code is what the page shows and the command line asks for, so that the user decides on the request that they
	// see.
	Code         string
	Registration mcpmux.Registration
	RedirectURI  string
	RedirectHost string
	// Loopback says that the code goes to a program on this machine.
	Loopback bool
	// Listener is the program that waits there, where the system tells.
	Listener string
	Resource string
	Alias    string
	Scopes   []string
	// Client is the Client that the application is already, "" where it is none.
	Client mcpmux.ClientID
	// Agreed says that the user agreed to just this before, and until when.
	Agreed      bool
	AgreedUntil *time.Time
	CreatedAt   time.Time
	ExpiresAt   time.Time
	State       RequestState
}

// CustomScheme says that the code goes to whatever program opens addresses of a private-use scheme (RFC 8252 §7.1).
func (r *Request) CustomScheme() bool {
	scheme, _, _ := strings.Cut(strings.ToLower(r.RedirectURI), ":")
	return scheme != "http" && scheme != "https"
}

// request is a Request with what is nobody's business.
type request struct {
	Request
	state     string // the client's
	challenge string
	binding   [32]byte // sha256 of the cookie's value
	deciding  bool     // what the user decided is being kept; nothing of it counts until that is done
	decided   chan struct{}
	until     *time.Time // of the consent that was given
	location  string     // where the browser goes from here, once it was asked for
	code      *code      // that is in it
}

// requests are those that wait, and those that were decided a short while ago.
type requests struct {
	now     func() time.Time
	changed func()

	// mu guards the following, and what is in the requests.
	mu   sync.Mutex
	byID map[string]*request
}

func newRequests(now func() time.Time, changed func()) *requests {
	return &requests{now: now, changed: changed, byID: map[string]*request{}}
}

// add makes a request wait, and answers the value of the cookie that binds it to its browser.
func (q *requests) add(r *request) (cookie string) {
	var id, bind [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	_, _ = rand.Read(bind[:])
	r.ID, r.Code = base64.RawURLEncoding.EncodeToString(id[:]), checkCode()
	cookie = base64.RawURLEncoding.EncodeToString(bind[:])
	r.binding, r.decided, r.State = sha256.Sum256([]byte(cookie)), make(chan struct{}), RequestWaiting
	r.CreatedAt = q.now()
	r.ExpiresAt = r.CreatedAt.Add(requestLife)
	q.mu.Lock()
	q.sweep()
	q.makeRoom(func(o *request) bool { return o.Registration.ID == r.Registration.ID }, maxPerClient)
	q.makeRoom(func(*request) bool { return true }, maxRequests)
	q.byID[r.ID] = r
	q.mu.Unlock()
	q.changed()
	return cookie
}

// makeRoom drops the oldest of those that match until there are fewer than most. It is called with mu held.
func (q *requests) makeRoom(match func(*request) bool, most int) {
	var all []*request
	for _, r := range q.byID {
		if r.State == RequestWaiting && !r.deciding && match(r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *request) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for len(all) >= most {
		q.drop(all[0])
		all = all[1:]
	}
}

// drop forgets a request. It is called with mu held.
func (q *requests) drop(r *request) {
	delete(q.byID, r.ID)
	if r.State == RequestWaiting {
		r.State = RequestGone
		close(r.decided)
	}
}

// sweep forgets what has expired. It is called with mu held.
func (q *requests) sweep() (gone bool) {
	now := q.now()
	for _, r := range q.byID {
		if !now.Before(r.ExpiresAt) && !r.deciding {
			gone = gone || r.State == RequestWaiting
			q.drop(r)
		}
	}
	return gone
}

// checkCode is eight letters and digits that are not taken for each other.
func checkCode() string {
	const letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ" // 32 of them
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// find is the request with an id.
func (q *requests) find(id string) (*request, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweep()
	r, ok := q.byID[id]
	return r, ok
}

// decide begins to take a waiting request to its outcome; done ends it. It answers conflict where somebody else has
// begun, and not_found where nobody knows the request.
func (q *requests) decide(id string) (*request, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweep()
	r, ok := q.byID[id]
	switch {
	case !ok:
		return nil, errNoRequest
	case r.deciding:
		return nil, mcpmux.Errorf(mcpmux.CodeConflict, "this request is being decided on")
	case r.State != RequestWaiting:
		return nil, mcpmux.Errorf(mcpmux.CodeConflict, "this request was %s already", r.State)
	}
	r.deciding = true
	return r, nil
}

// done ends what decide began: set says what came of it, and who waits for that is woken. Without a change of the
// state the request waits on.
func (q *requests) done(r *request, set func(*request)) {
	q.mu.Lock()
	r.deciding = false
	set(r)
	if r.State != RequestWaiting {
		if told := q.now().Add(codeLife); r.ExpiresAt.Before(told) {
			r.ExpiresAt = told
		}
		close(r.decided)
	}
	q.mu.Unlock()
	q.changed()
}

var errNoRequest = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such request: it was ended, or is older than %d minutes; let the application begin anew", int(requestLife.Minutes()))

// Requests are those that wait for the user, oldest first, each with what counts now (see Request).
func (s *Server) Requests() []Request {
	s.requests.mu.Lock()
	gone := s.requests.sweep()
	var all []Request
	for _, r := range s.requests.byID {
		if r.State == RequestWaiting {
			all = append(all, r.Request)
		}
	}
	s.requests.mu.Unlock()
	if gone {
		s.cfg.Changed()
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpWithin)
	defer cancel()
	for i := range all {
		if err := s.lookUp(ctx, &all[i]); err != nil { // then nothing is agreed to
			s.cfg.Log.Error("what the user agreed to was not looked up", "err", err)
		}
	}
	slices.SortFunc(all, func(a, b Request) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return all
}

// Request is one of them, or one that was decided a short while ago. What it says of the application's Client and of
// what was agreed to is what counts now: since it began, another one of the application may have been decided on, or
// something taken back.
func (s *Server) Request(ctx context.Context, id string) (Request, error) {
	r, ok := s.requests.find(id)
	if !ok {
		return Request{}, errNoRequest
	}
	s.requests.mu.Lock()
	shown := r.Request
	s.requests.mu.Unlock()
	if shown.State != RequestWaiting {
		return shown, nil
	}
	err := s.lookUp(ctx, &shown)
	return shown, err
}

// Bound says whether a browser is the one that began a request.
func (s *Server) Bound(r *http.Request, id string) bool {
	req, ok := s.requests.find(id)
	if !ok {
		return false
	}
	c, err := r.Cookie(cookieName(id))
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(c.Value))
	return subtle.ConstantTimeCompare(sum[:], req.binding[:]) == 1
}

// cookieName is that of the cookie which binds a request to a browser; several may wait in one.
func cookieName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "mcpmux_req_" + strings.ToLower(base64.RawURLEncoding.EncodeToString(sum[:6]))
}

// requestState is what the browser that began a request is told of it.
type requestState struct {
	State    RequestState `json:"state"`
	Code     string       `json:"code,omitempty"`
	Redirect string       `json:"redirect_to,omitempty"`
}

// StatePath is where the browser that began a request asks how it goes; the request's id follows.
const StatePath = "/consent-state/"

// StateHandler answers that browser and nobody else, logged in or not. With ?wait=1 it answers when something has
// happened, or after a while.
func (s *Server) StateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+StatePath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		req, ok := s.requests.find(id)
		if !ok || !s.Bound(r, id) {
			writeJSON(w, http.StatusNotFound, requestState{State: RequestGone})
			return
		}
		if r.URL.Query().Get("wait") == "1" {
			timeout := time.NewTimer(stateWait)
			defer timeout.Stop()
			select {
			case <-req.decided:
			case <-timeout.C:
			case <-r.Context().Done():
				return
			}
		}
		s.requests.mu.Lock()
		st := requestState{State: req.State, Code: req.Code}
		s.requests.mu.Unlock()
		st.Redirect = s.location(req)
		writeJSON(w, http.StatusOK, st)
	})
	return mux
}

// Location is where the browser goes that began a request which was decided; "" before that.
func (s *Server) Location(id string) string {
	if r, ok := s.requests.find(id); ok {
		return s.location(r)
	}
	return ""
}

// location makes it when it is first asked for: a code lives for a minute only. It tells of none that was used: a page
// that is opened again would bring it to the application a second time, and that ends the login that it gave.
func (s *Server) location(r *request) string {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	if r.location == "" {
		switch r.State {
		case RequestApproved:
			var text string
			text, r.code = s.codes.make(r)
			r.location = s.answerTo(r, map[string]string{"code": text})
		case RequestDenied:
			r.location = s.answerTo(r, map[string]string{"error": "access_denied", "error_description": "the user did not agree"})
		case RequestWaiting, RequestGone: // The browser stays where it is.
		}
	}
	if r.code != nil && s.codes.spent(r.code) {
		return ""
	}
	return r.location
}

// describe is a request for people and records: who, and where to.
func describe(r *request) string {
	text, _ := json.Marshal(map[string]string{"name": r.Registration.Name, "redirect_host": r.RedirectHost, "resource": r.Resource}) // texts always marshal
	return string(text)
}
