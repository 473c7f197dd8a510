package backend

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Dial reaches a Server, finds out its era where that is not known, and greets it. ctx bounds that.
func Dial(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	switch spec.Transport {
	case mcpmux.TransportStdio:
		return dialStdio(ctx, spec, opt)
	case mcpmux.TransportHTTP:
		return dialHTTP(ctx, spec, opt)
	case mcpmux.TransportSSE:
		return nil, &DialError{Reason: "the HTTP+SSE transport of 2024-11-05 is not supported yet; if the server also offers Streamable HTTP, use --transport http"}
	}
	return nil, &DialError{Reason: "unknown transport " + string(spec.Transport)}
}

// errOtherEra says that the process must be started again to be greeted in the older era.
var errOtherEra = errors.New("the server does not speak the modern era")

// dialStdio starts the process. Where the era is unknown it is probed with server/discover: a proper answer
// means modern; an error, the older era on the same process; an exit or silence, the older era on a new one,
// since some servers end on anything before initialize, and a slow one would answer two greetings.
func dialStdio(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	modern := protocol.Modern(spec.Version)
	probe := spec.Version == ""
	c, err := open(spec, opt)
	if err != nil {
		return nil, err
	}
	if modern || probe {
		err = c.discover(ctx, probe)
		switch {
		case err == nil:
			c.startListening()
			return c, nil
		case errors.Is(err, errOtherEra):
		case ctx.Err() == nil && (isClosed(err) || errors.Is(err, errSilent)):
			_ = c.Close()
			if c, err = open(spec, opt); err != nil {
				return nil, err
			}
		default:
			return nil, c.giveUp(err)
		}
	}
	if err := c.initialize(ctx); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}

func open(spec Spec, opt Options) (*Conn, error) {
	c := newConn(spec, opt)
	if err := startProcess(c); err != nil {
		return nil, err
	}
	return c, nil
}

func isClosed(err error) bool {
	var closed *ClosedError
	return errors.As(err, &closed)
}

// giveUp closes a connection that could not be greeted and says why, by the end of its process where that is
// the reason.
func (c *Conn) giveUp(err error) error {
	if exit, ok := errors.AsType[*ExitError](c.Err()); ok {
		err = exit
	}
	_ = c.Close()
	if _, ok := errors.AsType[*RPCError](err); ok {
		return &DialError{Reason: "the server refused to be greeted", Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &DialError{Reason: "the server did not answer in time"}
	}
	return err
}

// errSilent says that a process did not answer the probe in time.
var errSilent = errors.New("the server did not answer the probe")

// discover asks server/discover and takes the Server for modern where it answers as one.
func (c *Conn) discover(ctx context.Context, probing bool) error {
	asked := ctx
	if probing {
		var cancel context.CancelFunc
		asked, cancel = context.WithTimeout(ctx, probeTimeout)
		defer cancel()
	}
	c.modern = true
	m, err := c.Request(asked, "server/discover", nil)
	c.modern = false
	switch {
	case err != nil && asked.Err() != nil && ctx.Err() == nil:
		return errSilent
	case err != nil:
		return err
	}
	return c.judge(m)
}

// judge reads the answer to the probe. A server of the older era may answer {} to anything.
func (c *Conn) judge(m wire.Message) error {
	if m.Kind == wire.Error {
		return c.judgeError(rpcError(m))
	}
	var d struct {
		SupportedVersions []string                   `json:"supportedVersions"`
		Capabilities      json.RawMessage            `json:"capabilities"`
		Instructions      string                     `json:"instructions"`
		Meta              map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(m.Bytes(m.Result), &d); err != nil || len(d.SupportedVersions) == 0 {
		return errOtherEra
	}
	for _, v := range d.SupportedVersions {
		if v == protocol.Newest {
			c.modern = true
			c.about = mcpmux.About{
				ProtocolVersion: v, Capabilities: d.Capabilities, Instructions: d.Instructions,
				ServerInfo: d.Meta[protocol.MetaServerInfo],
			}
			return nil
		}
	}
	return errOtherEra
}

// judgeError: only a modern server knows the codes of the modern era. One that speaks other versions of it
// than we do says so in its words.
func (c *Conn) judgeError(e *RPCError) error {
	switch e.Code {
	case wire.CodeUnsupportedVersion:
		return errOtherEra
	case wire.CodeHeaderMismatch, wire.CodeMissingCapability:
		return e
	}
	return errOtherEra
}

// initialize greets a Server of the older era (MCP 2025-11-25 basic/lifecycle §Initialization).
func (c *Conn) initialize(ctx context.Context) error {
	params := append([]byte(`{"protocolVersion":"`+protocol.NewestLegacy+`","capabilities":`), c.opt.Capabilities...)
	params = append(append(append(params, `,"clientInfo":`...), c.opt.ClientInfo...), '}')
	result, err := c.result(ctx, "initialize", params)
	if err != nil {
		return err
	}
	var r struct {
		ProtocolVersion string          `json:"protocolVersion"`
		Capabilities    json.RawMessage `json:"capabilities"`
		ServerInfo      json.RawMessage `json:"serverInfo"`
		Instructions    string          `json:"instructions"`
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return &DialError{Reason: "the server's answer to initialize is malformed", Err: err}
	}
	if !protocol.Known(r.ProtocolVersion) || protocol.Modern(r.ProtocolVersion) {
		return &DialError{Reason: "the server wants MCP " + r.ProtocolVersion + ", which is not supported; supported: " + strings.Join(protocol.Supported(), ", ")}
	}
	c.batches.Store(r.ProtocolVersion == protocol.V20250326)
	c.about = mcpmux.About{ProtocolVersion: r.ProtocolVersion, Capabilities: r.Capabilities, ServerInfo: r.ServerInfo, Instructions: r.Instructions}
	if h, ok := c.tr.(*httpConn); ok {
		h.greeted(r.ProtocolVersion)
	}
	if err := c.tr.send(ctx, wire.NewNotification("notifications/initialized", nil)); err != nil {
		return err
	}
	if h, ok := c.tr.(*httpConn); ok {
		h.startFollowing(ctx)
	}
	return nil
}

// admitted notes the session that initialize opened, as soon as its answer begins: the server may ask us
// something before it ends.
func (h *httpConn) admitted(session string) {
	if session == "" {
		return
	}
	header := h.mien.Load().header.Clone()
	header["Mcp-Session-Id"] = []string{session}
	h.mien.Store(&mien{header: header, session: session})
}

// greeted notes the version that all further requests name (MCP 2025-11-25 basic/transports §Protocol Version
// Header); revisions before 2025-06-18 do not know the header, and ignore it.
func (h *httpConn) greeted(version string) {
	was := h.mien.Load()
	header := was.header.Clone()
	header["Mcp-Protocol-Version"] = []string{version}
	h.mien.Store(&mien{header: header, session: was.session})
}

// dialHTTP probes the era with server/discover and falls back to initialize.
func dialHTTP(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	c := newConn(spec, opt)
	h, err := newHTTP(c)
	if err != nil {
		return nil, err
	}
	c.tr = h
	if spec.Version == "" || protocol.Modern(spec.Version) {
		err := c.discover(ctx, spec.Version == "")
		var login *LoginRequiredError
		var closed *ClosedError
		switch {
		case err == nil:
			c.startListening()
			return c, nil
		case errors.As(err, &login), errors.As(err, &closed) && closed.Err != nil && c.Err() != nil, ctx.Err() != nil:
			return nil, c.giveUp(err)
		}
	}
	if err := c.initialize(ctx); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}
