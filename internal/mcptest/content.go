package mcptest

import (
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// tiny is a base64 text; nobody looks whether it is a picture or a sound.
const tiny = "AAAA"

// contents is one block of each kind that the revision has.
func (r *request) contents() string {
	blocks := []string{
		`{"type":"text","text":"a text"}`,
		`{"type":"image","data":"` + tiny + `","mimeType":"image/png"}`,
	}
	if r.has(protocol.Audio) {
		blocks = append(blocks, `{"type":"audio","data":"`+tiny+`","mimeType":"audio/wav"}`)
	}
	if r.has(protocol.ResourceLinks) {
		blocks = append(blocks, `{"type":"resource_link","uri":"test://a","name":"a","mimeType":"text/plain"}`)
	}
	blocks = append(blocks, `{"type":"resource","resource":{"uri":"test://a","mimeType":"text/plain","text":"a"}}`)
	return `{"content":[` + strings.Join(blocks, ",") + `]}`
}

// structured is a value beside its text, where the revision has it.
func (r *request) structured(value string, has protocol.Feature) string {
	beside := ""
	if r.has(has) {
		beside = `,"structuredContent":` + value
	}
	return `{"content":[{"type":"text","text":` + quote(value) + `}]` + beside + `}`
}

// steps sends n progress notifications, if the client wants any.
func (r *request) steps(n int) {
	if len(r.Meta.Token) == 0 {
		return
	}
	for i := range n {
		step := strconv.Itoa(i + 1)
		message := ""
		if r.has(protocol.ProgressMessages) {
			message = `,"message":"step ` + step + `"`
		}
		params := `{"progressToken":` + string(r.Meta.Token) + `,"progress":` + step + `,"total":` + strconv.Itoa(n) + message + `}`
		r.out(wire.NewNotification("notifications/progress", []byte(params)))
	}
}

// log sends a log message if the client wants its level: in the newer era only where the request says so, in
// the older one until it says otherwise.
func (r *request) log(a arguments) {
	if a.Level == "" {
		a.Level = "info"
	}
	if a.Text == "" {
		a.Text = "logged"
	}
	wanted := r.Meta.LogLevel
	if !r.modern {
		r.s.mu.Lock()
		wanted = r.s.peer(r.session).level
		r.s.mu.Unlock()
	}
	least, named := protocol.LogLevel(wanted)
	level, _ := protocol.LogLevel(a.Level)
	if (named && level < least) || (r.modern && !named) {
		return
	}
	params := `{"level":` + quote(a.Level) + `,"logger":"t","data":` + quote(a.Text) + `}`
	r.out(wire.NewNotification("notifications/message", []byte(params)))
}
