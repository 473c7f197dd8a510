package backend

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Spec is the final configuration of a Server's connections, with credentials.
type Spec struct {
	Alias     string
	Transport mcpmux.Transport
	Command   string
	Args      []string
	Env       []string // K=V, added to the allow-listed environment
	Cwd       string
	URL       string
	Header    http.Header
	// Version is the revision that the Server is known to speak; "" means that the era is probed. What is known
	// may have ceased to be true: then Dial finds out anew.
	Version string
	// Era is the era that its user says the Server speaks; "" and auto mean that Dial finds out.
	Era mcpmux.Era
	// Roots are the URIs with which a roots/list is answered that nobody can be asked for.
	Roots []string
}

// Digest is the sha256 of everything that makes a connection what it is. The alias and the known version do
// not.
func (s Spec) Digest() [32]byte {
	s.Alias, s.Version = "", ""
	if s.Era == mcpmux.EraAuto {
		s.Era = ""
	}
	text, _ := json.Marshal(s) // strings and maps of strings always marshal, with sorted keys
	return sha256.Sum256(text)
}

// Events are the things that a Server says without belonging to a call. Functions may be nil; they are called
// by readers and must not block.
type Events struct {
	ListChanged func(kinds ...mcpmux.FeatureKind)
	Updated     func(uri string, notification []byte)
	Log         func(level, logger string, data []byte)
	Stderr      func(line string)
	// Interactive hears that the Server asked a client for something in the course of a call.
	Interactive func()
	// Ask puts a request of the Server to somebody who answers for the connection, where no call in flight is
	// provably its cause, or where it belongs to a task. It is called in a goroutine of its own; ctx ends with
	// the connection or when the Server withdraws the request; its errors are those of Sink.Ask. Nil: nobody
	// answers.
	Ask func(ctx context.Context, req wire.Message) (wire.Message, error)
	// Notified hears notifications that name their owner by an id in their params:
	// notifications/elicitation/complete, notifications/tasks/status and notifications/tasks.
	Notified func(method string, raw []byte)
}

func (e *Events) fill() {
	if e.ListChanged == nil {
		e.ListChanged = func(...mcpmux.FeatureKind) {}
	}
	if e.Updated == nil {
		e.Updated = func(string, []byte) {}
	}
	if e.Log == nil {
		e.Log = func(string, string, []byte) {}
	}
	if e.Stderr == nil {
		e.Stderr = func(string) {}
	}
	if e.Interactive == nil {
		e.Interactive = func() {}
	}
	if e.Notified == nil {
		e.Notified = func(string, []byte) {}
	}
}

// Options are what all connections of a program have in common, but for Capabilities and Events.
type Options struct {
	// Capabilities is the ClientCapabilities object declared to the Server; "" means protocol.FullProfile.
	Capabilities string
	// ClientInfo is the Implementation object of the gateway, or of the client whose connection it is.
	ClientInfo []byte
	// Owned says that all calls are of one client: then a question belongs to the oldest that can be asked in.
	Owned  bool
	Events Events
	Log    *slog.Logger
	// Transport is shared by all HTTP connections; see NewTransport.
	Transport *http.Transport
	// MaxMessage bounds one message of a Server in bytes; 0 means 16 MiB.
	MaxMessage int
}

const defaultMaxMessage = 16 << 20

// probeTimeout is how long a silent process has to answer server/discover before it is taken for one of the
// older era, and started again to be greeted properly.
const probeTimeout = 5 * time.Second

// NewTransport makes the http.Transport for connections to Servers. It keeps as many idle connections as
// there may be callers, so that a call never waits for a handshake. Neither HTTP/2, whose single connection
// serialises large answers, nor compression, which costs more than loopback saves.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       16 << 10,
		ReadBufferSize:        16 << 10,
	}
}
