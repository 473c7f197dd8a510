package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"
)

// serve serves h on a free port of 127.0.0.1 until ctx ends, and prints the address first.
func serve(ctx context.Context, out io.Writer, h http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveProxy is what the gateway is compared with: the standard library's reverse proxy, which keeps its
// connections and knows nothing of MCP.
func serveProxy(ctx context.Context, out io.Writer, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	return serve(ctx, out, &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{
			MaxIdleConns: 0, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
	})
}

// serveBackend is the MCP server behind both: one tool that gives back its text, in one of the eras.
func serveBackend(ctx context.Context, out io.Writer, modern bool) error {
	return serve(ctx, out, &backend{modern: modern})
}

type backend struct {
	modern   bool
	sessions atomic.Int64
}

// call is what the server reads of a message.
type call struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string `json:"name"`
		Arguments struct {
			Text json.RawMessage `json:"text"`
		} `json:"arguments"`
	} `json:"params"`
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed) // It has no stream of its own (GET) and keeps no sessions (DELETE).
		return
	}
	body, err := io.ReadAll(r.Body)
	var c call
	if err != nil || json.Unmarshal(body, &c) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if c.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result, ok := b.result(w, &c)
	answer := make([]byte, 0, 512)
	answer = append(append(append(answer, `{"jsonrpc":"2.0","id":`...), c.ID...), ',')
	if ok {
		answer = append(append(answer, `"result":{`...), result...)
		if b.modern {
			answer = append(answer, `,"resultType":"complete"`...)
		}
		answer = append(answer, '}')
	} else {
		answer = append(answer, `"error":{"code":-32601,"message":"method not found"}`...)
	}
	answer = append(answer, '}')
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(answer))}
	_, _ = w.Write(answer) // A caller that is gone needs no answer.
}

// result is the inside of a result.
func (b *backend) result(w http.ResponseWriter, c *call) (string, bool) {
	const capabilities, hints = `"capabilities":{"tools":{}}`, `,"ttlMs":0,"cacheScope":"public"`
	switch c.Method {
	case "tools/call":
		return `"content":[{"type":"text","text":` + string(c.Params.Arguments.Text) + `}]`, true
	case "initialize":
		w.Header().Set("Mcp-Session-Id", "s"+strconv.FormatInt(b.sessions.Add(1), 10))
		return `"protocolVersion":"` + legacyVersion + `",` + capabilities + `,"serverInfo":{"name":"bench","version":"1"}`, !b.modern
	case "server/discover":
		return `"supportedVersions":["` + modernVersion + `"],` + capabilities + hints + `,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}`, b.modern
	case "tools/list":
		list := `"tools":[{"name":"echo","description":"Gives back its text.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}]`
		if b.modern {
			list += hints
		}
		return list, true
	case "ping":
		return ``, !b.modern
	}
	return "", false
}
