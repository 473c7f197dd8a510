package backend

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
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
		return dialSSE(ctx, spec, opt)
	}
	return nil, &DialError{Reason: "unknown transport " + string(spec.Transport)}
}

// errOtherEra says that the process must be started again to be greeted in the older era.
var errOtherEra = errors.New("the server does not speak the modern era")

// greeting is what Dial knows of the era before it has asked.
type greeting struct {
	modern  bool // server/discover comes first, not initialize
	probing bool // nobody knows whether it will be answered
	other   bool // if the Server does not speak this era it may be greeted in the other
}

func (s Spec) greeting() greeting {
	switch {
	case s.Era == mcpmux.EraLegacy:
		return greeting{}
	case s.Era == mcpmux.EraModern:
		return greeting{modern: true}
	case s.Version == "":
		return greeting{modern: true, probing: true, other: true}
	}
	return greeting{modern: protocol.Modern(s.Version), other: true}
}

// dialStdio starts the process. Where the era is unknown it is probed with server/discover: a proper answer
// means modern; an error, the older era on the same process; an exit or silence, the older era on a new one,
// since some servers end on anything before initialize, and a slow one would answer two greetings. A Server
// that was of the older era is probed only when it refuses initialize, or ends on it.
func dialStdio(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	c, err := open(spec, opt)
	if err != nil {
		return nil, err
	}
	g := spec.greeting()
	if !g.modern {
		return c.initializeStdio(ctx, g.other)
	}
	err = c.discover(ctx, g.probing)
	switch {
	case err == nil:
		c.startListening()
		return c, nil
	case !g.other:
		return nil, c.giveUp(notModern(err))
	case errors.Is(err, errOtherEra):
	case ctx.Err() == nil && (isClosed(err) || errors.Is(err, errSilent)):
		_ = c.Close()
		if c, err = open(spec, opt); err != nil {
			return nil, err
		}
	default:
		return nil, c.giveUp(err)
	}
	return c.initializeStdio(ctx, false)
}

// initializeStdio greets a process in the older era. Where heal is set, one that takes no such greeting is
// probed: it may have been replaced by one of the modern era.
func (c *Conn) initializeStdio(ctx context.Context, heal bool) (*Conn, error) {
	err := c.initialize(ctx)
	if err == nil {
		return c, nil
	}
	if !heal || ctx.Err() != nil || (!refused(err) && !isClosed(err)) {
		return nil, c.giveUp(err)
	}
	next := c
	if isClosed(err) {
		if next, _ = open(c.spec, c.opt); next == nil {
			return nil, c.giveUp(err)
		}
	}
	if next.discover(ctx, true) == nil {
		if next != c {
			_ = c.Close()
		}
		next.startListening()
		return next, nil
	}
	if next != c {
		_ = next.Close()
	}
	return nil, c.giveUp(err)
}

// refused says that the Server answered, with an error.
func refused(err error) bool {
	_, ok := errors.AsType[*RPCError](err)
	return ok
}

// notModern says it in the user's words: the era was set, and nothing else is tried.
func notModern(err error) error {
	if errors.Is(err, errOtherEra) {
		return &DialError{Reason: "the server does not speak MCP " + protocol.Newest + "; set its era to auto"}
	}
	return err
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
	m, err := c.Request(asked, methodDiscover, nil)
	if err == nil && m.Kind == wire.Error && listsOurs(m) {
		// It refuses the revision that it lists: once more (MCP 2026-07-28 basic/lifecycle §Version Negotiation).
		m, err = c.Request(asked, methodDiscover, nil)
	}
	c.modern = false
	switch {
	case err != nil && asked.Err() != nil && ctx.Err() == nil:
		return errSilent
	case err != nil:
		return err
	}
	return c.judge(m)
}

// listsOurs says whether an error refuses the revision of a request and yet lists a modern one that we speak,
// of which there is one.
func listsOurs(m wire.Message) bool {
	var e struct {
		Code int `json:"code"`
		Data struct {
			Supported []string `json:"supported"`
		} `json:"data"`
	}
	err := json.Unmarshal(m.Bytes(m.Error), &e)
	return err == nil && e.Code == wire.CodeUnsupportedVersion && slices.Contains(e.Data.Supported, protocol.Newest)
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
	if err := json.Unmarshal(m.Bytes(m.Result), &d); err != nil || !slices.Contains(d.SupportedVersions, protocol.Newest) {
		return errOtherEra
	}
	c.modern = true
	c.about = mcpmux.About{
		ProtocolVersion: protocol.Newest, Versions: d.SupportedVersions, Capabilities: d.Capabilities,
		Instructions: d.Instructions, ServerInfo: d.Meta[protocol.MetaServerInfo],
	}
	return nil
}

// judgeError: only a modern server knows the codes of the modern era. One that speaks other versions of it
// than we do says so in its words.
func (c *Conn) judgeError(e *RPCError) error {
	switch e.Code {
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
	switch tr := c.tr.(type) {
	case *httpConn:
		tr.greeted(r.ProtocolVersion)
	case *sse:
		tr.out.greeted(r.ProtocolVersion)
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

// dialHTTP greets a Server in the era that it is known to speak, then in the other; where that is unknown it
// probes with server/discover. One that refuses the POST of initialize may be of 2024-11-05 (MCP 2026-07-28
// basic/transports §Backwards Compatibility).
func dialHTTP(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	c := newConn(spec, opt)
	h, err := newHTTP(c)
	if err != nil {
		return nil, err
	}
	c.tr = h
	g := spec.greeting()
	if g.modern {
		if err = c.discover(ctx, g.probing); err == nil {
			c.startListening()
			return c, nil
		}
		if !g.other || final(ctx, c, err) {
			return nil, c.giveUp(notModern(err))
		}
	}
	if err = c.initialize(ctx); err == nil {
		return c, nil
	}
	if final(ctx, c, err) {
		return nil, c.giveUp(err)
	}
	if g.other && !g.modern && h.refusal >= 200 && c.discover(ctx, true) == nil {
		c.startListening()
		return c, nil
	}
	err = c.giveUp(err)
	switch h.refusal {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		older, sseErr := dialSSE(ctx, spec, opt)
		if _, login := errors.AsType[*LoginRequiredError](sseErr); sseErr == nil || login {
			return older, sseErr
		}
	}
	return nil, err
}

// final says that no other way of greeting would help.
func final(ctx context.Context, c *Conn, err error) bool {
	_, login := errors.AsType[*LoginRequiredError](err)
	return login || ctx.Err() != nil || c.Err() != nil
}
