package guard

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// DefaultMaxBody is the largest request body that is read, in bytes: a tools/call with a few images as
// base64 fits, an attempt to fill the memory does not.
const DefaultMaxBody = 4 << 20

// Config says what a listener accepts. Listener.Config has the first three.
type Config struct {
	// Port is the listener's own; the Hosts and Origins of loopback with that port are accepted.
	Port int
	// TLS says that its connections are of TLS, and so its origins of https.
	TLS bool
	// Public is the origin by which other machines reach it, "" where none does. Its Host is accepted.
	Public string
	// Hosts are further values of the Host header, exactly as clients send them.
	Hosts []string
	// Origins are further origins, for example those of the other listener (Origins(port)); nil means none.
	// It is called for each request that has an Origin which is not the listener's own.
	Origins func() []string
	// Keep are the headers X-Mcpmux-… that its clients send, as net/http spells them. Others that begin so are
	// taken off: no client says such things of itself.
	Keep []string
	// OneUser refuses the other users of this machine (OtherUser). Who comes by the Public origin is a proxy or
	// another machine, whoever runs it.
	OneUser bool
	// MaxBody is the largest body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Audit takes the record of a request that was refused for where it came from; nil: none is kept.
	Audit func(mcpmux.Activity)
	Log   *slog.Logger
}

// Hosts are the values of the Host header by which loopback clients reach port.
func Hosts(port int) []string {
	names := []string{"localhost", "127.0.0.1", "[::1]"}
	hosts := make([]string, 0, len(names))
	for _, name := range names {
		if port == 80 { // The port of the scheme is left out by clients (RFC 9110 §4.2.3).
			hosts = append(hosts, name)
		}
		hosts = append(hosts, name+":"+strconv.Itoa(port))
	}
	return hosts
}

// Origins are the origins of pages that the listener at port serves.
func Origins(port int) []string { return Config{Port: port}.origins() }

// origins are those of the listener's own pages.
func (c Config) origins() []string {
	origins := Hosts(c.Port)
	for i, host := range origins {
		origins[i] = scheme(c.TLS) + host
	}
	if c.Public != "" {
		origins = append(origins, c.Public)
	}
	return origins
}

// publicHosts are the values of the Host header in requests to a public origin: the port of the scheme may be
// left out (RFC 9110 §4.2.3).
func publicHosts(origin string) []string {
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok {
		return nil
	}
	hosts, usual := []string{host}, map[string]string{"http": ":80", "https": ":443"}[scheme]
	if name, ok := strings.CutSuffix(host, usual); ok {
		return append(hosts, name)
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		hosts = append(hosts, host+usual)
	}
	return hosts
}

// Guard wraps handlers so that they see only requests that passed every check, in the order of the package
// comment. Forwarding headers (Forwarded, X-Forwarded-*) are looked at nowhere: nothing that we trust stands
// before us.
func Guard(cfg Config) func(http.Handler) http.Handler {
	public := publicHosts(cfg.Public)
	g := &gate{
		hosts:   slices.Concat(Hosts(cfg.Port), public, cfg.Hosts),
		public:  public,
		own:     cfg.origins(),
		others:  cfg.Origins,
		keep:    cfg.Keep,
		oneUser: cfg.OneUser,
		maxBody: cfg.MaxBody,
		audit:   cfg.Audit,
		log:     cfg.Log,
	}
	if g.audit == nil {
		g.audit = func(mcpmux.Activity) {}
	}
	if g.maxBody == 0 {
		g.maxBody = DefaultMaxBody
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, next) })
	}
}

// gate is a Guard's state; only ids changes.
type gate struct {
	hosts, own []string
	public     []string // those of hosts that are of the public origin
	others     func() []string
	keep       []string
	oneUser    bool
	maxBody    int64
	audit      func(mcpmux.Activity)
	log        *slog.Logger
	ids        atomic.Uint64 // numbers the requests that are logged
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	c := connOf(r)
	if c != nil && c.gone.Load() {
		return // closed to make room as the request came in: its client was not heard, and may come again
	}
	protect(w.Header())
	if no := g.check(r); no != nil {
		g.refuse(w, r, no)
		return
	}
	// The server reads no more than Content-Length announces, so only a body of unknown length is counted.
	if r.ContentLength < 0 {
		// net/http hides it where a length was announced as well. Whoever stands before us may have gone by that, so
		// that what it takes for a body we would take for a request: nothing is read behind it (RFC 9112 §6.1).
		w.Header().Set("Connection", "close")
		r.Body = http.MaxBytesReader(w, r.Body, g.maxBody)
	}
	out := &answer{ResponseWriter: w, conn: c}
	defer g.recover(out, r)
	next.ServeHTTP(out, r)
}

// The headers that each answer has, so that a browser neither shows it in a page of others, nor takes it for
// another type, nor runs what is in it. A handler that answers a page of ours says itself what it may do.
//
//nolint:gochecknoglobals // constants; never appended to, for a slice of one has no room
var (
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}
	noSniffing = []string{"nosniff"}
	noFrames   = []string{"DENY"}
	noReferrer = []string{"no-referrer"}
	sameOrigin = []string{"same-origin"}
)

func protect(h http.Header) {
	h["Content-Security-Policy"] = noContent
	h["X-Content-Type-Options"] = noSniffing
	h["X-Frame-Options"] = noFrames
	h["Referrer-Policy"] = noReferrer
	h["Cross-Origin-Resource-Policy"] = sameOrigin
}

// refusal is why a request is not let through.
type refusal struct {
	status  int
	code    string
	message string
	// from is who the request came from, where that is why; "" for what is wrong in itself.
	from string
}

// check decides. What it says of foreign headers is quoted and cut, so that they cannot fill a log or write
// lines into it.
func (g *gate) check(r *http.Request) *refusal {
	if g.oneUser && !hasHost(g.public, r.Host) {
		if name, other := OtherUser(r); other {
			return denied("user "+quote(name)+" of this machine", "the dashboard is for the user who runs McpMux; you are "+quote(name))
		}
	}
	if r.Host == "" { // HTTP/1.0 lets it be absent; two are refused by net/http.
		return broken("the request has no Host")
	}
	if !hasHost(g.hosts, r.Host) {
		return denied("peer "+Peer(r), "Host "+quote(r.Host)+" is not an address of McpMux; use one of "+strings.Join(g.hosts, ", "))
	}
	if origins := r.Header["Origin"]; len(origins) > 0 {
		if len(origins) > 1 {
			return denied("peer "+Peer(r), "the request has more than one Origin")
		}
		if !g.originAllowed(origins[0]) {
			return denied("page of "+quote(origins[0]), "Origin "+quote(origins[0])+" may not call McpMux: requests from web pages other than its own are refused")
		}
	}
	if crossSite(r) {
		return denied("peer "+Peer(r), "the request comes from a page of another site (Sec-Fetch-Site: cross-site)")
	}
	if len(r.Header["Service-Worker"]) > 0 {
		return denied("peer "+Peer(r), "nothing here is a service worker (Service-Worker: script)")
	}
	if name := g.headers(r.Header); name != "" {
		return broken("the request has more than one " + name)
	}
	if r.ContentLength > g.maxBody {
		return &refusal{
			status: http.StatusRequestEntityTooLarge, code: "invalid",
			message: fmt.Sprintf("the body has %d bytes; at most %d are accepted", r.ContentLength, g.maxBody),
		}
	}
	return nil
}

// hasHost takes a Host as a whole, in any case. That lengths agree keeps out letters beyond ASCII that
// fold to one of ours (ſ to s).
func hasHost(hosts []string, host string) bool {
	return slices.Contains(hosts, host) ||
		slices.ContainsFunc(hosts, func(h string) bool { return len(h) == len(host) && strings.EqualFold(h, host) })
}

// originAllowed takes an origin only as a whole: "null", which sandboxed pages and local files send, and
// every other scheme are not in the list.
func (g *gate) originAllowed(origin string) bool {
	return slices.Contains(g.own, origin) || g.others != nil && slices.Contains(g.others(), origin)
}

// crossSite says that a browser sent r for another site's page other than by following a link. Links are let
// through (they show a page, and change nothing); W3C Fetch Metadata §2.
func crossSite(r *http.Request) bool {
	site := r.Header["Sec-Fetch-Site"]
	if len(site) == 0 || !slices.ContainsFunc(site, func(s string) bool { return strings.EqualFold(s, "cross-site") }) {
		return false
	}
	link := r.Header.Get("Sec-Fetch-Mode") == "navigate" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	return !link
}

// headers takes off what no client may say of itself, and returns the name of a header that is there more than
// once and must not be: two parts of a program could read a different one of the two.
func (g *gate) headers(h http.Header) (repeated string) {
	for name, values := range h {
		if len(values) > 1 && single(name) {
			return name
		}
		if strings.HasPrefix(name, ownHeaders) && !slices.Contains(g.keep, name) {
			delete(h, name)
		}
	}
	return ""
}

// ownHeaders is how the headers begin that only McpMux's own parts send.
const ownHeaders = "X-Mcpmux-"

// single says whether a header that decides something has one value.
func single(name string) bool {
	switch name {
	case "Authorization", "Content-Type", "Content-Length", "Mcp-Session-Id", "X-Mcpmux-Session":
		return true
	}
	return false
}

func broken(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "invalid", message: message}
}

func denied(from, message string) *refusal {
	return &refusal{status: http.StatusForbidden, code: "denied", message: message, from: from}
}

// refuse answers and closes the connection: the body was not read, and may be too long to be.
func (g *gate) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	g.log.DebugContext(r.Context(), "request refused",
		"request_id", g.ids.Add(1), "status", no.status, "method", r.Method, "path", cut(r.URL.Path), "reason", no.message)
	if no.from != "" {
		g.audit(mcpmux.Activity{At: time.Now(), Method: "guard/refused", Name: cut(r.Method + " " + r.URL.Path), Outcome: "denied", Actor: no.from, Detail: no.message})
	}
	if len(r.Header["Service-Worker"]) > 0 && no.status == http.StatusForbidden {
		// A browser looks whether we still have the worker that it answers our address with (W3C Service Workers
		// §6.1). We never had one: it is of who held the port when we did not run, as is what else is stored.
		w.Header().Set("Clear-Site-Data", `"storage", "cache"`)
	}
	w.Header().Set("Connection", "close")
	writeError(w, no.status, no.code, no.message)
}

// recover ends a panic of a handler: logged with its stack, answered with 500, or, when an answer had begun,
// the connection is cut so that no client takes the half for the whole.
func (g *gate) recover(out *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so: it is a signal, not an error in a chain.
		panic(cause)
	}
	g.log.ErrorContext(r.Context(), "handler panicked",
		"request_id", g.ids.Add(1), "method", r.Method, "path", cut(r.URL.Path), "err", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if out.begun {
		panic(http.ErrAbortHandler)
	}
	writeError(out.ResponseWriter, http.StatusInternalServerError, "internal", "internal error")
}

// answer notes whether an answer has begun. Where the request's body did not come (conn), it answers that in the
// place of what a handler makes of half a body.
type answer struct {
	http.ResponseWriter
	conn     *conn // nil where there is none of ours
	begun    bool
	replaced bool // what the handler answers goes nowhere
}

func (a *answer) WriteHeader(status int) {
	if status < http.StatusOK { // Informational answers come before the answer.
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.begin() {
		a.ResponseWriter.WriteHeader(status)
	}
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.begin() {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// Flush keeps http.Flusher for handlers that ask for it; it does nothing where the server has none.
func (a *answer) Flush() {
	if f, ok := a.ResponseWriter.(http.Flusher); ok && a.begin() {
		f.Flush()
	}
}

// begin says whether the handler's answer is the answer.
func (a *answer) begin() bool {
	if a.begun {
		return !a.replaced
	}
	a.begun = true
	if a.conn == nil {
		return true
	}
	status := int(a.conn.late.Load())
	if a.replaced = status != 0; a.replaced {
		noBody(a.ResponseWriter, status)
	}
	return !a.replaced
}

// noBody answers a request whose body did not come in time (408), or whose place to wait was needed for others
// (503). The connection ends with it (RFC 9110 §15.5.9): what still comes is half a body.
func noBody(w http.ResponseWriter, status int) {
	h := w.Header()
	clear(h)
	protect(h)
	h.Set("Connection", "close")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
		writeError(w, status, "unavailable", "too many requests wait for their bodies; try again")
		return
	}
	writeError(w, status, "invalid", "the body did not come within "+bodyTimeout.String())
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// writeError answers in the form of the admin API's errors.
func writeError(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	if err != nil {
		panic(err) // Maps of strings always marshal.
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // Nobody is left to tell.
}

// Methods answers 405 (RFC 9110 §15.5.6) to every other method than those, for routes beside which a pattern for
// everything else would answer that nothing is there. HEAD goes where GET goes.
func Methods(next http.Handler, methods ...string) http.Handler {
	if slices.Contains(methods, http.MethodGet) {
		methods = append([]string{http.MethodHead}, methods...)
	}
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			writeError(w, http.StatusMethodNotAllowed, "invalid", "method "+quote(r.Method)+" is not for this address; it takes "+allow)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// maxShown is how many bytes of a foreign value an error or a log line shows.
const maxShown = 100

func cut(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}

func quote(s string) string { return strconv.QuoteToASCII(cut(s)) }

// Limits of Server.
const (
	// readHeaderTimeout ends connections that never finish a request's header.
	readHeaderTimeout = 5 * time.Second
	// idleTimeout ends kept-alive connections that are not used. It is longer than the 90 s after which
	// clients in Go close theirs, so that a client is not the one to find a connection closed.
	idleTimeout = 120 * time.Second
	// maxHeader is the largest header in bytes; net/http adds 4 KiB of slack to it.
	maxHeader = 32 << 10
)

// Server is an http.Server with the limits of connection and header. It has no write timeout, since answers
// may be streams that live for hours; who writes one bounds each write.
func Server(handler http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Each request of HTTP/2 would pass by the limits on connections and bodies, which are those of HTTP/1.
	var only http.Protocols
	only.SetHTTP1(true)
	return &http.Server{
		Protocols:         &only,
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		// net/http lifts this deadline when a body was read to its end, so it ends neither streams nor the
		// wait for a client to go away.
		ReadTimeout:    bodyTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * would otherwise be answered without passing the guard.
		DisableGeneralOptionsHandler: true,
	}
}
