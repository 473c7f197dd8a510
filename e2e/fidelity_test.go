package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// corpus is JSON that decoders like to change: it must come out as it went in, byte for byte (rule 7).
func corpus() map[string]string {
	return map[string]string{
		"unknown members": `{"x-vendor":{"a":[1,{"b":null}]},"_private":"\u0000","type":"video/unheard-of"}`,
		"numbers":         `{"big":12345678901234567890,"bigger":1e400,"exact":1.10,"edge":9007199254740993,"neg":-0,"exp":1E+2,"tiny":-0.0e-0}`,
		"nulls":           `{"structuredContent":null,"content":null,"a":[null,[null]],"":null}`,
		"empty things":    `{"":"","o":{},"a":[],"s":""}`,
		"deep":            strings.Repeat(`{"d":[`, 60) + `"deepest"` + strings.Repeat(`]}`, 60),
		"unicode":         `{"\u00e9é":"\ud83d\ude00😀","e\u0301":"\u202ertl\u202c","\u0000nul":"\/\b\f\n\r\t\"\\","zwj":"👩‍👩‍👧","bom":"\ufeff"}`,
		"blanks":          "{ \"a\" :\t[ 1 ,2 ] , \"b\":{ } }",
		"escaped names":   `{"n\u0061me":"not the name","\u005fmeta":{}}`,
		"long":            `{"s":"` + strings.Repeat("x", 1<<16) + `"}`,
		"order":           `{"z":1,"a":2,"Z":3,"A":4,"10":5,"9":6}`,
	}
}

// mirror is a server of one era that answers every tools/call with the request as it arrived and with a piece
// of the corpus, in members that no revision knows.
func mirror(t *testing.T, modern bool) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params struct{ Arguments json.RawMessage }
		}
		_ = json.Unmarshal(body, &m) // What is no JSON object has no method.
		result := mirrored(m.Method, body, m.Params.Arguments, modern)
		switch {
		case r.Method != http.MethodPost || m.Method == "subscriptions/listen":
			w.WriteHeader(http.StatusMethodNotAllowed)
		case m.ID == nil:
			w.WriteHeader(http.StatusAccepted)
		case result == "":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}`, m.ID)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"x-before":[1.0],"result":%s,"id":%s,"jsonrpc":"2.0"}`, result, m.ID)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func mirrored(method string, body, arguments []byte, modern bool) string {
	complete := ""
	if modern {
		complete = `"resultType":"complete","ttlMs":0,"cacheScope":"private",`
	}
	switch {
	case method == "initialize" && !modern:
		return `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"mirror","version":"1"}}`
	case method == "server/discover" && modern:
		return `{` + complete + `"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
	case method == "tools/list":
		return `{` + complete + `"tools":[{"name":"look","inputSchema":{"type":"object"},"x-odd":1.0}]}`
	case method == "tools/call":
		return `{` + complete + `"content":[],"seen":` + string(body) + `,"back":` + string(arguments) + `}`
	case method == "ping":
		return `{}`
	}
	return ""
}

// what the gateway may change in a request: its id, and the name of the tool.
var changed = regexp.MustCompile(`"id":[0-9]+,"method"`)

// TestFidelity_WhatNeedsNoConversionArrivesByteForByte: between equals, both ways.
func TestFidelity_WhatNeedsNoConversionArrivesByteForByte(t *testing.T) {
	d := Start(t, Options{})
	key := d.NewClient("c")
	for _, era := range []struct {
		name   string
		modern bool
	}{{"legacy", false}, {"modern", true}} {
		d.AddServer("mirror"+era.name, mirror(t, era.modern))
		m := d.MCP(key)
		meta, lines := `{"x-trace":1.0}`, []string(nil)
		if era.modern {
			meta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"x-odd":1.0},"x-trace":1.0}`
			lines = []string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: mirror" + era.name + "_look"}
		} else {
			m.Open(`{}`)
		}
		for name, piece := range corpus() {
			sent := `{"id":77,"method":"tools/call","x-envelope":` + piece + `,"params":{"x-param":` + piece + `,"name":"mirror` + era.name +
				`_look","arguments":` + piece + `,"_meta":` + meta + `},"jsonrpc":"2.0"}`
			want := strings.Replace(sent, `"mirror`+era.name+`_look"`, `"look"`, 1)
			answer := m.Post(sent, lines...)
			if len(answer.Messages) != 1 {
				t.Errorf("%s, %s: %d %s", era.name, name, answer.Status, answer.Body)
				continue
			}
			raw := answer.Messages[0]
			var got struct {
				Result struct{ Seen, Back json.RawMessage }
			}
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Errorf("%s, %s: %v", era.name, name, err)
				continue
			}
			if seen := changed.ReplaceAll(got.Result.Seen, []byte(`"id":77,"method"`)); string(seen) != want {
				t.Errorf("%s, %s: the server saw\n%.600s\nwant\n%.600s", era.name, name, seen, want)
			}
			if string(got.Result.Back) != piece {
				t.Errorf("%s, %s: the client got\n%.600s\nwant\n%.600s", era.name, name, got.Result.Back, piece)
			}
			if !bytes.HasPrefix(raw, []byte(`{"x-before":[1.0],"result":{`)) || !bytes.HasSuffix(raw, []byte(`},"id":77,"jsonrpc":"2.0"}`)) {
				t.Errorf("%s, %s: the envelope changed: %.80s … %s", era.name, name, raw, raw[max(0, len(raw)-40):])
			}
		}
	}
}

// TestFidelity_OverPipes is the same for arguments and results of a process.
func TestFidelity_OverPipes(t *testing.T) {
	d := Start(t, Options{})
	key := d.NewClient("c")
	for _, era := range []string{"legacy", "modern"} {
		d.AddServer(era, process(t, mcptest.Script{Era: era})...)
		m := d.MCP(key)
		if era == "legacy" {
			m.Open(`{}`)
		}
		for name, piece := range corpus() {
			params := `{"name":"` + era + `_echo","arguments":` + piece + `}`
			var reply *Reply
			if era == "legacy" {
				reply = m.Legacy("tools/call", params)
			} else {
				reply = m.Modern("tools/call", params, era+"_echo", `{}`)
			}
			if result := reply.Result(t); !bytes.Contains(result, []byte(`"structuredContent":`+piece)) {
				t.Errorf("%s, %s: %.600s", era, name, result)
			}
		}
	}
}
