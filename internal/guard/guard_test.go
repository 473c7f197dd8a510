package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const testPort = 45818

// request builds a request as the server would hand it on, from header lines.
func request(method, host string, lines ...string) *http.Request {
	r := httptest.NewRequest(method, "/mcp", nil)
	r.Host = host
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func guarded(cfg Config, next http.HandlerFunc) http.Handler {
	cfg.Port = testPort
	return Guard(cfg)(next)
}

func fine(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func TestGuard_LetsThroughOnlyLocalClientsAndItsOwnPages(t *testing.T) {
	h := guarded(Config{Origins: func() []string { return Origins(45819) }, Hosts: []string{"mcp.test"}}, fine)
	const ok, no = http.StatusNoContent, http.StatusForbidden
	for _, tc := range []struct {
		name string
		want int
		r    *http.Request
	}{
		{"localhost", ok, request("POST", "localhost:45818")},
		{"IPv4", ok, request("POST", "127.0.0.1:45818")},
		{"IPv6", ok, request("POST", "[::1]:45818")},
		{"host in capitals", ok, request("POST", "LocalHost:45818")},
		{"configured host", ok, request("POST", "mcp.test")},
		{"rebound host", no, request("POST", "evil.example:45818")},
		{"rebound host that begins like ours", no, request("POST", "localhost:45818.evil.example")},
		{"rebound host with Origin==Host", no, request("POST", "evil.example:45818", "Origin: http://evil.example:45818")},
		{"other port", no, request("POST", "localhost:45819")},
		{"no port", no, request("POST", "localhost")},
		{"letter that folds to ours", no, request("POST", "localho\u017ft:45818")},
		{"any address", no, request("POST", "0.0.0.0:45818")},
		{"trailing dot", no, request("POST", "localhost.:45818")},

		{"own origin", ok, request("POST", "localhost:45818", "Origin: http://localhost:45818")},
		{"own origin by address", ok, request("POST", "localhost:45818", "Origin: http://127.0.0.1:45818")},
		{"other listener's origin", ok, request("POST", "localhost:45818", "Origin: http://localhost:45819")},
		{"foreign origin", no, request("POST", "localhost:45818", "Origin: http://evil.example")},
		{"foreign origin, GET", no, request("GET", "localhost:45818", "Origin: http://evil.example")},
		{"foreign origin, preflight", no, request("OPTIONS", "localhost:45818", "Origin: http://evil.example")},
		{"null origin", no, request("POST", "localhost:45818", "Origin: null")},
		{"empty origin", no, request("POST", "localhost:45818", "Origin: ")},
		{"origin of another port", no, request("POST", "localhost:45818", "Origin: http://localhost:3000")},
		{"origin of another scheme", no, request("POST", "localhost:45818", "Origin: https://localhost:45818")},
		{"extension's origin", no, request("POST", "localhost:45818", "Origin: chrome-extension://abc")},
		{"two origins", no, request("POST", "localhost:45818", "Origin: http://localhost:45818", "Origin: http://localhost:45818")},
		{"own origin in a list", no, request("POST", "localhost:45818", "Origin: http://localhost:45818, http://evil.example")},

		{"same origin", ok, request("POST", "localhost:45818", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors")},
		{"typed address", ok, request("GET", "localhost:45818", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")},
		{"link on another site", ok, request("GET", "localhost:45818", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")},
		{"image on another site", no, request("GET", "localhost:45818", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors")},
		{"fetch of another site", no, request("GET", "localhost:45818", "Sec-Fetch-Site: cross-site")},
		{"form on another site", no, request("POST", "localhost:45818", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")},
		{"forwarded host is not looked at", no, request("GET", "evil.example", "X-Forwarded-Host: localhost:45818")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, tc.r)
			if w.Code != tc.want {
				t.Fatalf("status %d, want %d: %s", w.Code, tc.want, w.Body)
			}
			if tc.want == no {
				checkError(t, w, "denied")
			}
		})
	}
}

func TestGuard_RefusalsForWhereARequestComesFromAreRecorded(t *testing.T) {
	var rows []mcpmux.Activity
	h := guarded(Config{Audit: func(a mcpmux.Activity) { rows = append(rows, a) }}, fine)
	for _, r := range []*http.Request{
		request("POST", "evil.example"),
		request("POST", "localhost:45818", "Origin: http://evil.example"),
		request("POST", "localhost:45818", "Sec-Fetch-Site: cross-site"),
	} {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, actor := range []string{"peer 192.0.2.1", `page of "http://evil.example"`, "peer 192.0.2.1"} {
		if a := rows[i]; a.Method != "guard/refused" || a.Outcome != "denied" || a.Actor != actor || a.Detail == "" || a.Name != "POST /mcp" || a.At.IsZero() {
			t.Errorf("%d: %+v", i, a)
		}
	}
	for _, r := range []*http.Request{request("POST", "localhost:45818"), request("POST", ""), request("POST", "localhost:45818", "Authorization: a", "Authorization: b")} {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(rows) != 3 {
		t.Errorf("what is only wrong in itself is no row: %+v", rows[3:])
	}
}

func TestGuard_AHeaderThatDecidesIsThereOnce(t *testing.T) {
	h := guarded(Config{Keep: []string{"X-Mcpmux-Session"}}, fine)
	for _, name := range []string{"Authorization", "Content-Type", "Mcp-Session-Id", "X-Mcpmux-Session"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("POST", "localhost:45818", name+": a", name+": a"))
		if w.Code != http.StatusBadRequest {
			t.Errorf("two %s: %d", name, w.Code)
		}
		checkError(t, w, "invalid")
		w = httptest.NewRecorder()
		if h.ServeHTTP(w, request("POST", "localhost:45818", name+": a")); w.Code != http.StatusNoContent {
			t.Errorf("one %s: %d", name, w.Code)
		}
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, request("GET", "localhost:45818", "Accept: a", "Accept: b", "Cookie: a=1", "Cookie: b=2")); w.Code != http.StatusNoContent {
		t.Errorf("headers that are lists: %d", w.Code)
	}
}

func TestGuard_EveryAnswerIsKeptFromPagesOfOthers(t *testing.T) {
	h := guarded(Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("a bug")
		}
		fine(w, r)
	})
	broken := request("GET", "localhost:45818")
	broken.URL.Path = "/panic"
	for name, r := range map[string]*http.Request{"refused": request("GET", "evil.example"), "let through": request("GET", "localhost:45818"), "a fault": broken} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for header, want := range map[string]string{
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", name, csp)
		}
		for header := range w.Header() {
			if strings.HasPrefix(header, "Access-Control-") {
				t.Errorf("%s: it has %s", name, header)
			}
		}
	}
}

func TestMethods_OthersAreToldWhichThereAre(t *testing.T) {
	h := Methods(http.HandlerFunc(fine), http.MethodGet)
	for method, want := range map[string]int{"GET": 204, "HEAD": 204, "POST": 405, "OPTIONS": 405, "TRACE": 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != want || want == 405 && w.Header().Get("Allow") != "HEAD, GET" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestGuard_NoClientSaysWhatOnlyMcpMuxSays(t *testing.T) {
	var seen http.Header
	h := guarded(Config{Keep: []string{"X-Mcpmux-Session"}}, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header })
	r := request("POST", "localhost:45818", "X-McpMux-Client-Id: other", "x-mcpmux-workspace: /other", "X-Mcpmux-Session: mine", "X-Other: stays")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if len(seen) != 2 || seen.Get("X-Mcpmux-Session") != "mine" || seen.Get("X-Other") != "stays" {
		t.Errorf("the handler sees %v", seen)
	}
}

func TestGuard_ARequestHasAHost(t *testing.T) {
	addr := serve(t, func(port int) http.Handler { return Guard(Config{Port: port})(http.HandlerFunc(fine)) })
	for _, text := range []string{
		"GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + addr + "\r\nHost: " + addr + "\r\nConnection: close\r\n\r\n",
	} {
		if got := send(t, addr, text); !strings.HasPrefix(got, "HTTP/1.1 400") && !strings.HasPrefix(got, "HTTP/1.0 400") {
			t.Errorf("%q: %.80s", text, got)
		}
	}
}

// checkError checks that an answer is an error in JSON that says something.
func checkError(t *testing.T, w *httptest.ResponseRecorder, code string) {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if body.Error.Code != code || body.Error.Message == "" {
		t.Errorf("got %+v, want code %s and a message", body.Error, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestGuard_ForeignTextInErrorsIsQuotedAndShort(t *testing.T) {
	var log bytes.Buffer
	h := guarded(Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, fine)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request("GET", "x\nlevel=ERROR msg=forged "+strings.Repeat("a", 10_000)))
	if w.Body.Len() > 1000 {
		t.Errorf("the answer has %d bytes", w.Body.Len())
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || log.Len() > 1000 {
		t.Errorf("%d lines, %d bytes in the log: %s", n, log.Len(), log.String())
	}
}

// serve runs h behind Server on a real socket and returns its address.
func serve(t *testing.T, h func(port int) http.Handler) string {
	t.Helper()
	l := listen(t, "localhost:0")
	srv := Server(h(l.Port()), slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Serve(srv) // It ends by the Close below.
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return "127.0.0.1:" + strconv.Itoa(l.Port())
}

// send sends a request as text and returns the answer, to its end.
func send(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil && len(got) == 0 {
		t.Fatal(err)
	}
	return string(got)
}

func TestGuard_BodiesOverTheCapAreRefused(t *testing.T) {
	addr := serve(t, func(port int) http.Handler {
		return Guard(Config{Port: port, MaxBody: 10})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			_, _ = w.Write(body)
		}))
	})
	head := "POST / HTTP/1.1\r\nHost: " + addr + "\r\nConnection: close\r\n"
	for _, tc := range []struct{ name, rest, want string }{
		{"announced, at the cap", "Content-Length: 10\r\n\r\n0123456789", "HTTP/1.1 200"},
		{"announced, over the cap", "Content-Length: 11\r\n\r\n", "HTTP/1.1 413"},
		{"chunked, at the cap", "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", "HTTP/1.1 200"},
		{"chunked, over the cap", "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789x\r\n0\r\n\r\n", "HTTP/1.1 413"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := send(t, addr, head+tc.rest); !strings.HasPrefix(got, tc.want) {
				t.Errorf("want %s, got %s", tc.want, got)
			}
		})
	}
}

func TestServer_RefusesHeadersOverTheCap(t *testing.T) {
	addr := serve(t, func(port int) http.Handler { return Guard(Config{Port: port})(http.HandlerFunc(fine)) })
	got := send(t, addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\nX-Long: "+strings.Repeat("a", maxHeader+8<<10)+"\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 431") {
		t.Errorf("got %.80s", got)
	}
}

func TestServer_OptionsStarPassesTheGuard(t *testing.T) {
	addr := serve(t, func(port int) http.Handler { return Guard(Config{Port: port})(http.HandlerFunc(fine)) })
	got := send(t, addr, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Errorf("got %.80s", got)
	}
}

func TestGuard_APanicCostsOneAnswerAndIsLoggedWithItsStack(t *testing.T) {
	var log bytes.Buffer
	h := guarded(Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(http.ResponseWriter, *http.Request) {
		panic("a bug")
	})
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", "localhost:45818"))
		if w.Code != http.StatusInternalServerError {
			t.Errorf("status %d", w.Code)
		}
		checkError(t, w, "internal")
		if strings.Contains(w.Body.String(), "a bug") {
			t.Errorf("the answer tells the cause: %s", w.Body)
		}
	}
	for _, want := range []string{"request_id=1", "request_id=2", `err="a bug"`, "guard_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log.String())
		}
	}
}

func TestGuard_APanicAmidAnAnswerCutsTheConnection(t *testing.T) {
	addr := serve(t, func(port int) http.Handler {
		return Guard(Config{Port: port})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/fine" {
				fine(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
			panic("a bug")
		}))
	})
	got := send(t, addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n")
	if !strings.Contains(got, "data: 1") || strings.Contains(got, "\r\n0\r\n") || strings.Contains(got, "internal") {
		t.Errorf("want a stream without an end, got %q", got)
	}
	if got := send(t, addr, "GET /fine HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 204") {
		t.Errorf("the server does not keep serving: %q", got)
	}
}

func TestGuard_HandlersKeepTheirResponseController(t *testing.T) {
	var flushed error
	h := guarded(Config{}, func(w http.ResponseWriter, _ *http.Request) { flushed = http.NewResponseController(w).Flush() })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request("GET", "localhost:45818"))
	if flushed != nil || !w.Flushed {
		t.Errorf("flush: %v, flushed %t", flushed, w.Flushed)
	}
}

func TestHosts_ThePortOfTheSchemeMayBeLeftOut(t *testing.T) {
	h := Guard(Config{Port: 80})(http.HandlerFunc(fine))
	for _, host := range []string{"localhost", "localhost:80", "[::1]"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", host, "Origin: http://localhost"))
		if w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
}

func TestGuard_AllocatesAtMostTheAnswer(t *testing.T) {
	h := guarded(Config{}, func(http.ResponseWriter, *http.Request) {})
	r, w := request("POST", "localhost:45818", "Origin: http://localhost:45818"), httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 1 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkGuard(b *testing.B) {
	h := guarded(Config{}, func(http.ResponseWriter, *http.Request) {})
	r, w := request("POST", "127.0.0.1:45818"), httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func FuzzGuard_NothingForeignPasses(f *testing.F) {
	f.Add("localhost:45818", "http://localhost:45818", "same-origin")
	f.Add("evil.example", "null", "cross-site")
	f.Add("[::1]:45818", "", "")
	f.Add("", "", "")
	h := guarded(Config{}, fine)
	f.Fuzz(func(t *testing.T, host, origin, site string) {
		r := request("POST", host)
		r.Header["Origin"] = []string{origin}
		r.Header["Sec-Fetch-Site"] = []string{site}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			checkError(t, w, map[int]string{http.StatusForbidden: "denied", http.StatusBadRequest: "invalid"}[w.Code])
			return
		}
		if lower := strings.ToLower(host); lower != "localhost:45818" && lower != "127.0.0.1:45818" && lower != "[::1]:45818" {
			t.Errorf("host %q passed", host)
		}
		if host, ok := strings.CutPrefix(origin, "http://"); !ok || host != "localhost:45818" && host != "127.0.0.1:45818" && host != "[::1]:45818" {
			t.Errorf("origin %q passed", origin)
		}
	})
}
