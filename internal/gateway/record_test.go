package gateway

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Each request for a Server is in the record with how it ended, those too that never got there.
func TestRecord_SaysHowEachRequestEndedAndWhy(t *testing.T) {
	r := demoRig(t, "2025-11-25", func(st *mcpmux.State) {
		st.Settings = map[string]string{mcpmux.SettingClientRateLimit: "7"}
	})
	var mu sync.Mutex
	var got []string
	keep := func(where string) func(mcpmux.Activity) {
		return func(a mcpmux.Activity) {
			mu.Lock()
			defer mu.Unlock()
			if a.Client != "c" || a.Space != "s" || a.At.IsZero() || a.Duration <= 0 && where == "" {
				t.Errorf("%+v", a)
			}
			got = append(got, fmt.Sprintf("%s%s %s@%s %s %d %s", where, a.Method, a.Name, a.Server, a.Outcome, a.Code, a.Detail))
		}
	}
	r.gw.cfg.Record, r.gw.cfg.Refused = keep(""), keep("over: ")
	sid := r.open("c", "/mcp", `{}`)
	call := func(name, arguments string) {
		r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+name+`","arguments":`+arguments+`}}`, sid)
	}
	call("be_echo", `{"text":"\"isError\": true"}`)
	call("be_echo", `{}`)
	call("be_nothing", `{}`)
	r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"be_nothing"}}`, sid)
	r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, sid)
	r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"no/such"}`, sid)
	call("be_echo", `{"text":"one too many"}`)
	want := []string{
		"tools/call be_echo@be ok 0 ", "tools/call be_echo@be tool_error 0 ", "tools/call be_nothing@ denied -32602 Unknown tool: be_nothing",
		"prompts/get be_nothing@ denied -32602 Unknown prompt: be_nothing", "no/such @ denied -32601 method no/such is not known here",
		"over: tools/call be_echo@ denied -32603 a client may make 7 requests in a minute (setting client.rate_limit); try again later",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
}

func TestToolFailed_ReadsTheResultsOwnMember(t *testing.T) {
	for result, want := range map[string]bool{
		`{"content":[],"isError":true}`:                           true,
		`{"isError": true ,"content":[]}`:                         true,
		`{"content":[],"isError":false}`:                          false,
		`{"content":[]}`:                                          false,
		`{"content":[{"type":"text","text":"\"isError\":true"}]}`: false,
		`{"structuredContent":{"isError":true},"content":[]}`:     false,
		`{"structuredContent":{"isError":true},"isError":true}`:   true,
		`{"content":[],"isError":"true"}`:                         false,
	} {
		m, err := wire.Parse([]byte(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := toolFailed(m); got != want {
			t.Errorf("%s: %t", result, got)
		}
	}
}

func BenchmarkToolFailed(b *testing.B) {
	for name, result := range map[string]string{
		"64 KiB without the word": `{"content":[{"type":"text","text":"` + strings.Repeat("x", 64<<10) + `"}]}`,
		"64 KiB, false":           `{"content":[{"type":"text","text":"` + strings.Repeat("x", 64<<10) + `"}],"isError":false}`,
		"small":                   `{"content":[{"type":"text","text":"hello"}],"isError":false}`,
	} {
		m, err := wire.Parse([]byte(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				toolFailed(m)
			}
		})
	}
}
