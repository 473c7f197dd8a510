package backend

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestEra_OfItsUserIsNotQuestioned(t *testing.T) {
	for _, row := range []struct {
		server, known string
		era           mcpmux.Era
		version       string // "" means that the dial fails
		probes, inits int
	}{
		{"both", "", mcpmux.EraLegacy, protocol.V20251125, 0, 1},
		{"both", protocol.V20260728, mcpmux.EraLegacy, protocol.V20251125, 0, 1},
		{"modern", "", mcpmux.EraLegacy, "", 0, 1},
		{"both", protocol.V20251125, mcpmux.EraModern, protocol.V20260728, 1, 0},
		{"legacy", "", mcpmux.EraModern, "", 1, 0},
		{"both", "", mcpmux.EraAuto, protocol.V20260728, 1, 0},
	} {
		server, spec := endpoint(t, mcptest.Script{Era: row.server})
		spec.Version, spec.Era = row.known, row.era
		c, err := Dial(within(t), spec, options(t, newWorld()))
		got := ""
		if err == nil {
			got = c.About().ProtocolVersion
			_ = c.Close()
		}
		probes, inits := server.Count("server/discover"), server.Count("initialize")
		if got != row.version || probes != row.probes || inits != row.inits {
			t.Errorf("%+v: speaks %q after %d probes and %d greetings: %v", row, got, probes, inits, err)
		}
	}
	spec := stdioSpec(t, mcptest.Script{})
	spec.Era = mcpmux.EraModern
	_, err := Dial(within(t), spec, options(t, newWorld()))
	if _, ok := errors.AsType[*DialError](err); !ok || !strings.Contains(err.Error(), "auto") {
		t.Errorf("stdio: %v", err)
	}
}

// TestEra_ThatIsKnownHealsWhenTheServerWasReplaced counts the processes it took.
func TestEra_ThatIsKnownHealsWhenTheServerWasReplaced(t *testing.T) {
	for _, row := range []struct{ server, known, version string }{
		{"modern", protocol.V20251125, protocol.V20260728},
		{"legacy", protocol.V20260728, protocol.V20251125},
		{"legacy", protocol.V20241105, protocol.V20251125},
	} {
		script := mcptest.Script{Era: row.server, Starts: filepath.Join(t.TempDir(), "starts")}
		_, spec := endpoint(t, script)
		for transport, spec := range map[string]Spec{"http": spec, "stdio": stdioSpec(t, script)} {
			spec.Version = row.known
			c := dial(t, spec, newWorld())
			if got := c.About().ProtocolVersion; got != row.version {
				t.Errorf("%s %+v: speaks %s", transport, row, got)
			}
			callTool(t, c, "echo", `{}`)
		}
		if b, err := os.ReadFile(script.Starts); err != nil || len(b) != 1 {
			t.Errorf("%+v: %d processes were started (%v)", row, len(b), err)
		}
	}
}

// TestEra_AKnownOlderServerOverHTTPThatRefusesInSomeStatusIsProbed: a modern endpoint need not know initialize.
func TestEra_AKnownOlderServerOverHTTPThatRefusesInSomeStatusIsProbed(t *testing.T) {
	for _, status := range []int{400, 404, 405, 500} {
		_, spec := intercepted(t, mcptest.Script{Era: "modern"}, func(w http.ResponseWriter, _ *http.Request, m wire.Message) bool {
			if m.Method == "initialize" {
				w.WriteHeader(status)
			}
			return m.Method == "initialize"
		})
		spec.Version = protocol.V20250326
		if c := dial(t, spec, newWorld()); !c.Modern() {
			t.Errorf("HTTP %d: not modern", status)
		}
	}
}

func TestProbe_ARefusedRevisionThatIsListedIsTriedAgain(t *testing.T) {
	for supported, want := range map[string]string{
		`["2026-07-28","2025-11-25"]`: protocol.V20260728, `["2025-11-25"]`: protocol.V20251125, `["2031-01-01"]`: protocol.V20251125,
	} {
		var probes atomic.Int32
		_, spec := intercepted(t, mcptest.Script{Era: "both"}, func(w http.ResponseWriter, _ *http.Request, m wire.Message) bool {
			if m.Method != "server/discover" || probes.Add(1) > 1 {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(wire.NewError(m.Bytes(m.ID), wire.CodeUnsupportedVersion, "no", []byte(`{"requested":"2026-07-28","supported":`+supported+`}`)))
			return true
		})
		if got := dial(t, spec, newWorld()).About().ProtocolVersion; got != want {
			t.Errorf("%s: speaks %s", supported, got)
		}
	}
}

func TestDial_AboutHasAllVersionsAsSent(t *testing.T) {
	const sent = `{"supportedVersions":["2031-01-01","2026-07-28","2025-11-25","x"],"capabilities":{}}`
	_, spec := intercepted(t, mcptest.Script{Era: "modern"}, func(w http.ResponseWriter, _ *http.Request, m wire.Message) bool {
		if m.Method != "server/discover" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(wire.NewResult(m.Bytes(m.ID), []byte(sent)))
		return true
	})
	if got := dial(t, spec, newWorld()).About().Versions; !slices.Equal(got, []string{"2031-01-01", "2026-07-28", "2025-11-25", "x"}) {
		t.Errorf("versions %v", got)
	}
	_, spec = endpoint(t, mcptest.Script{})
	if got := dial(t, spec, newWorld()).About().Versions; got != nil {
		t.Errorf("a server that was not asked speaks %v", got)
	}
}

func TestDigest_IsOfTheEraButNotOfWhatIsKnown(t *testing.T) {
	base := Spec{Transport: mcpmux.TransportHTTP, URL: "http://a"}
	for name, row := range map[string]struct {
		change func(*Spec)
		same   bool
	}{
		"alias":   {func(s *Spec) { s.Alias = "x" }, true},
		"version": {func(s *Spec) { s.Version = protocol.V20241105 }, true},
		"auto":    {func(s *Spec) { s.Era = mcpmux.EraAuto }, true},
		"era":     {func(s *Spec) { s.Era = mcpmux.EraLegacy }, false},
		"url":     {func(s *Spec) { s.URL = "http://b" }, false},
	} {
		other := base
		row.change(&other)
		if (other.Digest() == base.Digest()) != row.same {
			t.Errorf("%s: same %v", name, !row.same)
		}
	}
}

func TestScope_IsReadBackAsItWasWritten(t *testing.T) {
	for _, s := range []Scope{
		{}, {Legacy: true}, {Owner: "session-1"}, {Profile: `{"roots":{}}`}, {Legacy: true, Owner: "o", Profile: `{"a":{" ":{}}}`},
	} {
		if got := ParseScope(s.String()); got != s {
			t.Errorf("%+v came back as %+v", s, got)
		}
	}
	spec, opt := Scoped(Spec{}, Options{}, Scope{Legacy: true, Profile: "{}"}.String())
	if spec.Version != protocol.NewestLegacy || opt.Capabilities != "{}" {
		t.Errorf("%+v %+v", spec, opt)
	}
}
