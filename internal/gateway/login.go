package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// A call that fails since a person has to log in to its Server is answered with where that is done, to a client
// that can show an address to its user (elicitation of mode url). It is one of ours, which leads on to the
// authorization server: no credential passes the client.
//
//   - In 2025-11-25 that is an error. The client hears when the login is done, and calls again.
//   - In 2026-07-28 it is a question, which is answered when the user has agreed, not when the login is done: the
//     client's next try waits for that (client/elicitation §URL Mode Elicitation Requests).

const (
	// loginKey is what the question is called.
	loginKey = "login"

	// loginTime is how long a user may take for it, which is how long authclient keeps it.
	loginTime = 10 * time.Minute

	// loginPatience is how long one request waits for that: less than clients wait for an answer. Then the client is
	// asked to come again.
	loginPatience = 45 * time.Second
)

// whyLogin is why err wants a person to log in; "": it does not.
func whyLogin(err error) string {
	if own, ok := errors.AsType[*mcpmux.Error](err); ok && own.Code == mcpmux.CodeLoginRequired {
		return own.Message
	}
	return ""
}

// withLogin is what a client hears of a call that failed with err: fail, or, where the user can help, how.
func (x *exchange) withLogin(ctx context.Context, route *catalog.Route, err error, fail *rpcError) (wire.Message, *rpcError) {
	why := whyLogin(err)
	if why == "" || !x.canOpen() {
		return wire.Message{}, fail
	}
	address, err := x.g.cfg.LoginURL(ctx, route.Server.ID)
	if err != nil {
		x.g.cfg.Log.Debug("no login was begun for a client", "server", route.Server.Alias, "err", err)
	}
	if address == "" {
		return wire.Message{}, fail
	}
	params, _ := json.Marshal(map[string]string{ // texts always marshal
		"mode": "url", "url": address, "message": "Log in to the server " + route.Server.Alias + ": " + why,
	})
	if !x.modern {
		id := "login-" + rand.Text()
		x.g.owners.note(route.Server.ID, id, owned{by: x.sess, login: true})
		data := append([]byte(`{"elicitations":[`), protocol.WithElicitationID(params, id)...)
		return wire.Message{}, &rpcError{code: protocol.CodeURLRequired, message: fail.message, data: append(data, "]}"...)}
	}
	k := ticket{kind: ticketLogin, expires: time.Now().Add(loginTime).Unix()}
	_, _ = rand.Read(k.id[:]) // it never fails (crypto/rand)
	question := protocol.InputRequest{Key: loginKey, Method: "elicitation/create", Params: params}
	answer, perr := wire.Parse(wire.NewResult([]byte("0"), protocol.InputRequired([]protocol.InputRequest{question}, x.g.tickets.text(k, x))))
	if perr != nil {
		return wire.Message{}, fail
	}
	return answer, nil
}

// canOpen says whether the user of the client can be shown an address now. A request that brings answers to its
// Server is not interrupted: they would be lost.
func (x *exchange) canOpen() bool {
	if x.g.cfg.LoginURL == nil || x.method == nil || !x.method.Interactive || x.method.Task {
		return false
	}
	if !x.caps.AllowsQuestion("elicitation/create", []byte(`{"mode":"url"}`)) {
		return false
	}
	if !x.modern {
		return x.sess != nil && protocol.Has(x.sess.version, protocol.ElicitationIDs)
	}
	_, _, retry := protocol.ReadInputResponses(x.msg.Raw, x.msg.Params)
	return !retry
}

// afterLogin says whether the request repeats one that withLogin answered, and reads it.
func (x *exchange) afterLogin() (k ticket, answers map[string][]byte, ok bool) {
	if !x.modern || x.g.cfg.LoginURL == nil || x.method == nil || !x.method.Interactive || !bytes.Contains(x.msg.Raw, []byte(`"requestState"`)) {
		return k, nil, false
	}
	answers, state, _ := protocol.ReadInputResponses(x.msg.Raw, x.msg.Params)
	k, ok = x.g.tickets.read(state, x, time.Now())
	return k, answers, ok && k.kind == ticketLogin
}

// awaitLogin waits until the user has logged in to the Server, and forwards the request then, as if it had come for
// the first time: its Server knows nothing of the question.
func (x *exchange) awaitLogin(route *catalog.Route, k ticket, answers map[string][]byte) {
	begun := time.Now()
	if raw, ok := answers[loginKey]; ok && stringMember(raw, "action") != "accept" {
		fail := &rpcError{code: wire.CodeInternal, message: "the user did not agree to log in to the server " + route.Server.Alias}
		x.record(route, begun, fail.code, "error", fail.message)
		x.fail(fail)
		return
	}
	ended := x.loginEnded(route.Server.ID)
	if !x.g.current.Load().admits(x.id) {
		x.fail(errCredentialEnded)
		return
	}
	if !ended {
		x.result(protocol.InputRequired(nil, x.g.tickets.text(k, x)))
		return
	}
	if fail := x.afresh(); fail != nil {
		x.fail(fail)
		return
	}
	x.forward()
}

// loginEnded waits for the end of a login, and says whether it has come.
func (x *exchange) loginEnded(server mcpmux.ServerID) bool {
	call, end, err := x.callContext()
	if err != nil {
		return false
	}
	defer x.endCall(end)
	ctx, cancel := context.WithTimeout(call, loginPatience)
	defer cancel()
	open := time.AfterFunc(x.reply.quiet(), x.reply.open)
	defer open.Stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.g.cfg.LoginEnded(ctx, server)
	}()
	select {
	case <-ended:
	case <-x.g.drain.Load().done:
		cancel()
		<-ended
	}
	return ctx.Err() == nil
}

// afresh makes the request one that repeats nothing, of a Client that may see less by now than when it came.
func (x *exchange) afresh() *rpcError {
	x.snap = x.g.current.Load()
	view, ok := x.snap.view(x.id.Client, x.alias)
	switch {
	case !x.snap.admits(x.id):
		return errCredentialEnded
	case !ok:
		return noSuchServer(x.alias)
	}
	x.view = view
	ours := func(name string) bool { return name == "inputResponses" || name == "requestState" }
	return x.read(wire.Splice(nil, x.msg.Raw, wire.ChangeMembers(x.msg.Raw, x.msg.Params, nil, ours)))
}

// LoggedIn tells the clients that were asked for a login to a Server that it is done (MCP 2025-11-25
// client/elicitation §Completion Notifications for URL Mode Elicitation).
func (g *Gateway) LoggedIn(server mcpmux.ServerID) {
	for id, s := range g.owners.loggedIn(server) {
		params := append(append([]byte(`{"elicitationId":`), wire.Quote(id)...), '}')
		s.out.push(outItem{must: true, raw: wire.NewNotification("notifications/elicitation/complete", params)})
	}
}
