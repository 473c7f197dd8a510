package store

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// readLine decodes a line that putBlock wrote. encoding/json takes ten times as long for a record as this does for one
// without anything unusual, and whoever counts or exports reads hundreds of thousands; what is unusual it leaves to
// encoding/json.
func readLine(line []byte, a *mcpmux.Activity) error {
	if p := (plain{rest: line}); p.record(a) {
		return nil
	}
	*a = mcpmux.Activity{}
	return json.Unmarshal(line, a)
}

// plain reads the members of a record in the order in which they are written, and only texts without escapes.
type plain struct{ rest []byte }

func (p *plain) record(a *mcpmux.Activity) bool {
	at, ok := p.text(`{"at":"`)
	if !ok || a.At.UnmarshalText(at) != nil {
		return false
	}
	client, ok1 := p.text(`,"client_id":"`)
	space, ok2 := p.text(`,"space_id":"`)
	server, ok3 := p.optional(`,"server":"`)
	method, ok4 := p.text(`,"method":"`)
	name, ok5 := p.optional(`,"name":"`)
	outcome, ok6 := p.text(`,"outcome":"`)
	code, ok7 := p.number(`,"code":`)
	took, ok8 := p.text(`,"duration":"`)
	actor, ok9 := p.optional(`,"actor":"`)
	detail, ok10 := p.optional(`,"detail":"`)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 || !ok9 || !ok10 || string(p.rest) != "}\n" {
		return false
	}
	duration, err := time.ParseDuration(string(took))
	a.Client, a.Space, a.Server = mcpmux.ClientID(client), mcpmux.SpaceID(space), string(server)
	a.Method, a.Name, a.Outcome, a.Code = string(method), string(name), string(outcome), code
	a.Duration, a.Actor, a.Detail = mcpmux.Duration(duration), string(actor), string(detail)
	return err == nil
}

// text reads a text after what goes before it, up to its closing quotation mark.
func (p *plain) text(before string) (text []byte, ok bool) {
	rest, ok := bytes.CutPrefix(p.rest, []byte(before))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 || bytes.IndexByte(rest[:end], '\\') >= 0 {
		return nil, false
	}
	p.rest = rest[end+1:]
	return rest[:end], true
}

// optional is text that may be absent.
func (p *plain) optional(before string) (text []byte, ok bool) {
	if !bytes.HasPrefix(p.rest, []byte(before)) {
		return nil, true
	}
	return p.text(before)
}

// number reads a whole number that may be absent.
func (p *plain) number(before string) (n int, ok bool) {
	rest, there := bytes.CutPrefix(p.rest, []byte(before))
	end := bytes.IndexByte(rest, ',')
	if !there || end < 0 {
		return 0, !there
	}
	n, err := strconv.Atoi(string(rest[:end]))
	p.rest = rest[end:]
	return n, err == nil
}
