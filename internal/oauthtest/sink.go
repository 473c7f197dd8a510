package oauthtest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Sink is a listener to which nobody should send anything: it counts who did. It answers every request with 200
// and an empty JSON object.
type Sink struct {
	address            string
	connections, bytes atomic.Int64
}

// NewSink starts a Sink and ends it with the test.
func NewSink(tb testing.TB) *Sink {
	tb.Helper()
	k := &Sink{}
	l := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, struct{}{})
	}))
	l.Listener = countingListener{l.Listener, k}
	l.Start()
	k.address = l.URL
	tb.Cleanup(func() {
		l.CloseClientConnections()
		l.Close()
	})
	return k
}

// URL is the address of the sink.
func (k *Sink) URL() string { return k.address }

// Connections is how many connections were opened.
func (k *Sink) Connections() int64 { return k.connections.Load() }

// Bytes is how many bytes came.
func (k *Sink) Bytes() int64 { return k.bytes.Load() }

type countingListener struct {
	net.Listener
	sink *Sink
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.sink.connections.Add(1)
	return countingConn{c, l.sink}, nil
}

type countingConn struct {
	net.Conn
	sink *Sink
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.sink.bytes.Add(int64(n))
	return n, err
}
