package adminclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxAnswer bounds what one answer may hold, in bytes: a tool's result can be as long as the gateway lets
// one through, 16 MiB, and JSON of it somewhat longer.
const maxAnswer = 64 << 20

// Client speaks to one daemon. It may be used by many goroutines.
type Client struct {
	socket string
	http   *http.Client
}

// New returns a client of the daemon that listens on socketPath (see SocketPath). It connects with the first
// request.
func New(socketPath string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := checkFolder(socketPath); err != nil {
			return nil, &dialError{err}
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socketPath)
		if err != nil {
			return nil, &dialError{err}
		}
		return conn, nil
	}
	transport := &http.Transport{DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 2}
	return &Client{socket: socketPath, http: &http.Client{Transport: transport}}
}

// Close closes the connections that wait for another request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// dialError marks an error as one of connecting: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// NotRunningError says that no daemon listens on the control socket.
type NotRunningError struct {
	Socket string
	Err    error
}

func (e *NotRunningError) Error() string {
	return "McpMux is not running: nothing answers at " + e.Socket
}
func (e *NotRunningError) Unwrap() error { return e.Err }

// request is one request of the admin API. The parts of its path are escaped here; a query value that is
// empty is left out.
type request struct {
	method string
	path   []string
	query  map[string]string
	body   any
}

// get reads a resource.
func get[T any](ctx context.Context, c *Client, query map[string]string, path ...string) (T, error) {
	return fetch[T](ctx, c, request{method: http.MethodGet, path: path, query: query})
}

// fetch makes the request and reads a T from the answer.
func fetch[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	body, err := c.do(ctx, r)
	if err != nil {
		return out, err
	}
	defer drop(body)
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("read the daemon's answer: %w", err)
	case len(text) > maxAnswer:
		return out, errors.New("the daemon's answer is too long")
	case len(bytes.TrimSpace(text)) == 0:
		return out, nil // 204, or a daemon that has nothing to add
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("the daemon's answer is not of this version's form: %w", err)
	}
	return out, nil
}

// do makes the request and returns the body of a good answer; a bad one becomes an error.
func (c *Client) do(ctx context.Context, r request) (io.ReadCloser, error) {
	req, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if resp.StatusCode >= 300 {
		defer drop(resp.Body)
		return nil, refusal(resp)
	}
	return resp.Body, nil
}

func (r request) build(ctx context.Context) (*http.Request, error) {
	path := make([]string, len(r.path))
	for i, part := range r.path {
		path[i] = url.PathEscape(part)
	}
	address := apiURL(path...)
	query := url.Values{}
	for name, value := range r.query {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// explain says why a request got no answer. A socket that cannot be connected to means that no daemon runs,
// unless it is there and not ours.
func (c *Client) explain(ctx context.Context, err error) error {
	var dial *dialError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &dial):
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the daemon closed the connection before it answered")
	case errors.Is(err, fs.ErrPermission):
		return mcpmux.Errorf(mcpmux.CodeDenied, "the control socket %s belongs to another user", c.socket)
	}
	var op *net.OpError
	if errors.As(err, &op) || errors.Is(err, fs.ErrNotExist) {
		return &NotRunningError{Socket: c.socket, Err: dial.err}
	}
	return dial.err
}

// drop closes the body of an answer. Nothing more was wanted of it, so how that went does not matter.
func drop(body io.Closer) { _ = body.Close() }

// refusal is the error in an answer.
func refusal(resp *http.Response) error {
	var body struct{ Error *mcpmux.Error }
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || json.Unmarshal(text, &body) != nil || body.Error == nil || body.Error.Message == "" {
		return mcpmux.Errorf(mcpmux.CodeInternal, "the daemon answered %s", resp.Status)
	}
	return body.Error
}
