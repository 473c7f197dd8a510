package backend

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// TestProbe_FindsTheEra has one case for each row of the probe's table, and counts the processes it took.
func TestProbe_FindsTheEra(t *testing.T) {
	for _, c := range []struct {
		name    string
		script  mcptest.Script
		version string
		starts  int
	}{
		{"a modern answer is modern", mcptest.Script{Era: "modern"}, protocol.V20260728, 1},
		{"both eras is modern", mcptest.Script{Era: "both"}, protocol.V20260728, 1},
		{"an unknown method is legacy on the same process", mcptest.Script{}, protocol.V20251125, 1},
		{"another error is legacy on the same process", mcptest.Script{ProbeError: -32602}, protocol.V20251125, 1},
		{"an empty result is legacy on the same process", mcptest.Script{EmptyProbe: true}, protocol.V20251125, 1},
		{"an exit is legacy on a new process", mcptest.Script{ExitOnProbe: true}, protocol.V20251125, 2},
		{"an older revision is taken", mcptest.Script{Version: protocol.V20241105}, protocol.V20241105, 1},
	} {
		t.Run("stdio/"+c.name, func(t *testing.T) {
			c.script.Starts = filepath.Join(t.TempDir(), "starts")
			conn := dial(t, stdioSpec(t, c.script), newWorld())
			if got := conn.About().ProtocolVersion; got != c.version || conn.Modern() != protocol.Modern(c.version) {
				t.Errorf("version %q, modern %v; want %q", got, conn.Modern(), c.version)
			}
			if b, err := os.ReadFile(c.script.Starts); err != nil || len(b) != c.starts {
				t.Errorf("%d processes were started (%v), want %d", len(b), err, c.starts)
			}
		})
		if c.script.ExitOnProbe {
			continue
		}
		t.Run("http/"+c.name, func(t *testing.T) {
			_, spec := endpoint(t, c.script)
			if got := dial(t, spec, newWorld()).About().ProtocolVersion; got != c.version {
				t.Errorf("version %q, want %q", got, c.version)
			}
		})
	}
}

func TestProbe_SilenceIsLegacyOnANewProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the probe to time out")
	}
	s := mcptest.Script{HangProbe: true, Starts: filepath.Join(t.TempDir(), "starts")}
	if got := dial(t, stdioSpec(t, s), newWorld()).About().ProtocolVersion; got != protocol.V20251125 {
		t.Errorf("version %q", got)
	}
	if b, err := os.ReadFile(s.Starts); err != nil || len(b) != 2 {
		t.Errorf("%d processes were started (%v), want 2", len(b), err)
	}
}

func TestProbe_AKnownEraIsNotProbed(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Era: "both"})
	spec.Version = protocol.V20251125
	if c := dial(t, spec, newWorld()); c.Modern() {
		t.Error("a pinned server was greeted in the modern era")
	}
	if n := server.Count("server/discover"); n != 0 {
		t.Errorf("%d probes of a server of a known era", n)
	}
}

// TestProbe_RefusalsAreLegacyOverHTTP: servers of the older era refuse the probe with all kinds of statuses.
func TestProbe_RefusalsAreLegacyOverHTTP(t *testing.T) {
	for _, status := range []int{400, 404, 405, 406, 415, 500, 501} {
		server := mcptest.New(mcptest.Script{})
		var probed bool
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Mcp-Method") == "server/discover" {
				probed = true
				http.Error(w, "no", status)
				return
			}
			server.ServeHTTP(w, r)
		}))
		c, err := Dial(within(t), httpSpec(srv.URL), options(t, newWorld()))
		if err != nil || c.Modern() || !probed {
			t.Errorf("HTTP %d to the probe (probed %v): %v", status, probed, err)
		}
		if c != nil {
			_ = c.Close()
		}
		srv.CloseClientConnections()
		srv.Close()
	}
}

func TestProbe_ALoginComesFirst(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Era: "modern", Bearer: "sesame"})
	_, err := Dial(within(t), spec, options(t, newWorld()))
	login, ok := errors.AsType[*LoginRequiredError](err)
	if !ok || login.Status != http.StatusUnauthorized || len(login.Challenges) == 0 {
		t.Fatalf("err = %v", err)
	}
	if n := server.Count("initialize"); n != 0 {
		t.Errorf("initialize was sent %d times to a server that wants a login", n)
	}
	spec.Header.Set("Authorization", "Bearer sesame")
	if !dial(t, spec, newWorld()).Modern() {
		t.Error("with the token it is not modern")
	}
}

func TestDial_AboutIsWhatTheServerSaid(t *testing.T) {
	for _, version := range []string{protocol.V20251125, protocol.V20260728} {
		both(t, version, func(t *testing.T, spec Spec) {
			a := dial(t, spec, newWorld()).About()
			if string(a.ServerInfo) != `{"name":"mcptest","version":"1","x-odd":12345678901234567890}` || a.Instructions != "be kind" || len(a.Capabilities) == 0 {
				t.Errorf("about = %+v", a)
			}
		})
	}
}

func TestDial_BadAddressesAreNamed(t *testing.T) {
	for name, spec := range map[string]Spec{
		"scheme":        {Transport: mcpmux.TransportHTTP, URL: "ftp://localhost/"},
		"no URL":        {Transport: mcpmux.TransportHTTP},
		"transport":     {Transport: "pigeon"},
		"command":       {Transport: mcpmux.TransportStdio, Command: "no-such-command-anywhere"},
		"path":          {Transport: mcpmux.TransportStdio, Command: "./no/such/program"},
		"empty command": {Transport: mcpmux.TransportStdio},
		"cwd":           {Transport: mcpmux.TransportStdio, Command: "true", Cwd: "/no/such/folder"},
	} {
		_, err := Dial(within(t), spec, options(t, newWorld()))
		if _, ok := errors.AsType[*DialError](err); !ok {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

func TestDial_AnUnknownVersionIsRefused(t *testing.T) {
	_, spec := endpoint(t, mcptest.Script{Version: "2031-01-01"})
	if _, err := Dial(within(t), spec, options(t, newWorld())); err == nil {
		t.Fatal("dialled")
	} else if _, ok := errors.AsType[*DialError](err); !ok {
		t.Errorf("err = %v", err)
	}
}

func TestPing_AnswersInBothEras(t *testing.T) {
	for _, version := range []string{protocol.V20251125, protocol.V20260728} {
		both(t, version, func(t *testing.T, spec Spec) {
			if err := dial(t, spec, newWorld()).Ping(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestList_ReadsAllPagesAsSent(t *testing.T) {
	_, spec := endpoint(t, mcptest.Script{Generated: 25, PageSize: 7})
	items, err := dial(t, spec, newWorld()).List(within(t), mcpmux.KindTool)
	if err != nil || len(items) < 30 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	if want := `{"name":"echo","inputSchema":{"type":"object"},"x-odd":12345678901234567890}`; string(items[0]) != want {
		t.Errorf("first item %s", items[0])
	}
}

func TestList_ARepeatedCursorIsAnError(t *testing.T) {
	_, spec := endpoint(t, mcptest.Script{Generated: 25, PageSize: 7, RepeatCursor: true})
	if items, err := dial(t, spec, newWorld()).List(within(t), mcpmux.KindTool); err == nil {
		t.Errorf("%d items and no error", len(items))
	}
}

func TestList_AllKinds(t *testing.T) {
	both(t, protocol.V20251125, func(t *testing.T, spec Spec) {
		c := dial(t, spec, newWorld())
		for _, k := range mcpmux.FeatureKinds() {
			items, err := c.List(within(t), k)
			if err != nil || len(items) == 0 {
				t.Errorf("%s: %d items, %v", k, len(items), err)
			}
			for _, it := range items {
				if err := wire.Valid(it); err != nil {
					t.Errorf("%s: %v", it, err)
				}
			}
		}
	})
}
