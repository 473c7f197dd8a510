package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// A ticket is the requestState that the gateway gives out of its own accord, to a client of the stateless era
// whose call waits for input (MCP 2026-07-28 basic/utilities/mrtr: the state is opaque to the client, and
// whoever gave it out must not trust what comes back). Its MAC binds it to the client, the endpoint, the
// request and the time, so that it opens nothing else. The key lives as long as the daemon, as do the calls.
type ticket struct {
	kind    byte
	id      [16]byte
	expires int64 // Unix seconds
}

// The kinds of tickets.
const (
	ticketPark   = 'p' // a call of the older era waits for the answers
	ticketResend = 'r' // nothing waits: the request is to be sent once the user has opened the addresses
	ticketLogin  = 'l' // nothing waits: the request is to be sent once the user has logged in to the Server
)

const (
	ticketSize = 1 + 16 + 8
	macSize    = 16
)

// tickets makes and reads them.
type tickets struct{ key [32]byte }

func newTickets() *tickets {
	t := new(tickets)
	_, _ = rand.Read(t.key[:]) // it never fails (crypto/rand)
	return t
}

// text is the ticket as it goes out, for the request x.
func (t *tickets) text(k ticket, x *exchange) string {
	b := make([]byte, 0, ticketSize+macSize)
	b = append(append(b, k.kind), k.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(k.expires))
	return base64.RawURLEncoding.EncodeToString(append(b, t.mac(b, x)...))
}

// read is the ticket in a state that came back with x. One that was given for another request, to another
// client or by another credential, by another daemon or too long ago is none.
func (t *tickets) read(state string, x *exchange, now time.Time) (ticket, bool) {
	b, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(b) != ticketSize+macSize || !hmac.Equal(b[ticketSize:], t.mac(b[:ticketSize], x)) {
		return ticket{}, false
	}
	k := ticket{kind: b[0], expires: int64(binary.BigEndian.Uint64(b[17:]))}
	copy(k.id[:], b[1:17])
	return k, now.Unix() <= k.expires
}

// mac binds what the ticket says to what the request is about.
func (t *tickets) mac(b []byte, x *exchange) []byte {
	h := hmac.New(sha256.New, t.key[:])
	for _, part := range [][]byte{b, []byte(x.id.Client), []byte(x.id.Key), []byte(x.alias), []byte(x.msg.Method), []byte(x.targetName()), canonical(x.arguments())} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = h.Write(size[:]) // a hash never fails
		_, _ = h.Write(part)
	}
	return h.Sum(nil)[:macSize]
}

// canonical is JSON with sorted members and no blanks: a client may write its arguments anew for each try.
func canonical(raw []byte) []byte {
	if raw == nil || wire.Valid(raw) != nil {
		return raw
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return raw
	}
	text, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return text
}
