package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// headerTool is a tool whose argument x is repeated in a header of this name.
func headerTool(name string) string {
	return `{"name":"t","inputSchema":{"type":"object","properties":{"x":{"type":"string","x-mcp-header":"` + name + `"}}}}`
}

// headerServer is a server of 2026-07-28 whose tool wants the header New.
func headerServer(t *testing.T, calls *atomic.Int32) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		body := `"result":{"resultType":"complete"}`
		switch m.Method {
		case "server/discover":
			body = `"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}`
		case "tools/list":
			body = `"result":{"resultType":"complete","tools":[` + headerTool("New") + `],"ttlMs":0,"cacheScope":"private"}`
		case "tools/call":
			calls.Add(1)
			body = `"result":{"resultType":"complete","content":[],"ran":true}`
			if r.Header.Get("Mcp-Param-New") != "1" {
				w.WriteHeader(http.StatusBadRequest)
				body = `"error":{"code":-32020,"message":"HeaderMismatch"}`
			}
		}
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestHeaders_ACallThatWasRefusedForOldOnesIsSentOnceMore(t *testing.T) {
	for _, c := range []struct {
		known string // what the client was listed
		calls int32
	}{{"Old", 2}, {"New", 1}} {
		var calls atomic.Int32
		st := oneServer()
		st.Servers[0].About = &mcpmux.About{ProtocolVersion: "2026-07-28"}
		st.Servers[0].Definition.Transport = mcpmux.TransportHTTP
		st.Features = []mcpmux.Feature{{Server: "v", Kind: mcpmux.KindTool, Name: "t", Raw: []byte(headerTool(c.known))}}
		r := newRig(t, st, map[mcpmux.ServerID]backend.Spec{"v": {Alias: "be", Transport: mcpmux.TransportHTTP, URL: headerServer(t, &calls)}})
		sid := r.open("c", "/mcp", "{}")
		if a := r.send("POST", "/mcp", "c", callBody(`1`, "be_t", `{"x":"1"}`, ""), sid); !strings.Contains(a.body, `"ran":true`) {
			t.Errorf("%s: %s", c.known, a.body)
		}
		if n := calls.Load(); n != c.calls {
			t.Errorf("%s: the server was called %d times", c.known, n)
		}
	}
}
