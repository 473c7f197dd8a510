package protocol

import (
	"bytes"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// TasksID names the tasks extension of 2026-07-28.
	TasksID = "io.modelcontextprotocol/tasks"

	// MetaRelatedTask is the key of _meta that names the task that a message belongs to (MCP 2025-11-25
	// basic/utilities/tasks §Related Task Metadata).
	MetaRelatedTask = "io.modelcontextprotocol/related-task"
)

// TasksRequired is the ClientCapabilities object without which there are no tasks from 2026-07-28.
const TasksRequired = `{"extensions":{"` + TasksID + `":{}}}`

// DeclaresTasks says whether capabilities, a client's or a Server's, name the tasks extension.
func DeclaresTasks(caps []byte) bool {
	if !bytes.Contains(caps, []byte("tasks")) && bytes.IndexByte(caps, '\\') < 0 || wire.Valid(caps) != nil {
		return false
	}
	extensions, _ := single(caps, whole(caps), "extensions")
	_, ok := object(caps, extensions, TasksID)
	return ok
}

// WithoutTasks is capabilities that do not name the tasks extension.
func WithoutTasks(caps []byte) []byte {
	if !DeclaresTasks(caps) {
		return caps
	}
	extensions, _ := single(caps, whole(caps), "extensions")
	edits := wire.ChangeMembers(caps, extensions, nil, func(n string) bool { return n == TasksID })
	return wire.Splice(nil, caps, edits)
}

// RunsTasks says whether a Server's capabilities say that tools may be run as core tasks.
func RunsTasks(caps []byte) bool {
	if wire.Valid(caps) != nil {
		return false
	}
	at := whole(caps)
	for _, name := range [...]string{"tasks", "requests", "tools", "call"} {
		var ok bool
		if at, ok = object(caps, at, name); !ok {
			return false
		}
	}
	return true
}

// NeedsTask says whether a tool, as it was listed, can only be run as a core task.
func NeedsTask(tool []byte) bool {
	if !bytes.Contains(tool, []byte("required")) {
		return false
	}
	execution, _ := single(tool, whole(tool), "execution")
	at, _ := single(tool, execution, "taskSupport")
	text, _ := wire.String(tool, at)
	return text == "required"
}

// AsTask is the edit that asks for a tool to be run as a core task.
func AsTask(m *wire.Message) wire.Edit { return wire.SetMember(m.Raw, m.Params, "task", []byte("{}")) }

// CreatedTask is the task that a result of 2025-11-25 says was created.
func CreatedTask(raw []byte, result wire.Span) (id string, ok bool) {
	task, ok := object(raw, result, "task")
	if !ok {
		return "", false
	}
	at, _ := single(raw, task, "taskId")
	id, ok = wire.String(raw, at)
	return id, ok && id != ""
}

// TaskIDs are all places in a result, or in params, where a task is named: the object itself is one, it holds
// one, or its _meta says to which it belongs. They are in order.
func TaskIDs(raw []byte, obj wire.Span) []wire.Span {
	var ids []wire.Span
	add := func(in wire.Span) {
		for n, v := range wire.Members(raw, in) {
			if n == "taskId" && raw[v.Start] == '"' {
				ids = append(ids, v)
			}
		}
	}
	for n, v := range wire.Members(raw, obj) {
		switch n {
		case "taskId":
			if raw[v.Start] == '"' {
				ids = append(ids, v)
			}
		case "task":
			add(v)
		case "_meta":
			for key, related := range wire.Members(raw, v) {
				if key == MetaRelatedTask {
					add(related)
				}
			}
		}
	}
	return ids
}

// TaskState reads how long a task is kept, 0 where that is not said, and whether it has ended. obj is a task, or
// the result that holds one.
func TaskState(raw []byte, obj wire.Span) (ttl time.Duration, ended bool) {
	if task, ok := object(raw, obj, "task"); ok {
		obj = task
	}
	for n, v := range wire.Members(raw, obj) {
		switch n {
		case "ttl", "ttlMs":
			ttl = milliseconds(raw[v.Start:v.End])
		case "status":
			status, _ := wire.String(raw, v)
			ended = status == "completed" || status == "failed" || status == "cancelled"
		}
	}
	return ttl, ended
}

// milliseconds reads a number of whole milliseconds, 0 where it is none or absurd.
func milliseconds(text []byte) time.Duration {
	const most = 1 << 40 // 34 years
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' || n > most {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return time.Duration(n) * time.Millisecond
}

// RelatedTask is the task that an object's _meta says it belongs to, "" where it says none.
func RelatedTask(obj []byte) string {
	if len(obj) == 0 || wire.Valid(obj) != nil {
		return ""
	}
	meta, _ := single(obj, whole(obj), "_meta")
	related, _ := single(obj, meta, MetaRelatedTask)
	at, _ := single(obj, related, "taskId")
	id, _ := wire.String(obj, at)
	return id
}

// WithRelatedTask is an object whose _meta says that it belongs to the task id, or to none where id is "".
func WithRelatedTask(obj []byte, id string) []byte {
	if wire.Valid(obj) != nil || obj[whole(obj).Start] != '{' {
		return obj
	}
	meta, ok := single(obj, whole(obj), "_meta")
	if id != "" {
		related := append(append([]byte(`{"taskId":`), wire.Quote(id)...), '}')
		set := nested(obj, meta, "_meta", []wire.Member{{Name: MetaRelatedTask, Value: related}}, nil)
		return wire.Splice(nil, obj, wire.ChangeMembers(obj, whole(obj), []wire.Member{set}, nil))
	}
	if !ok {
		return obj
	}
	rest := nested(obj, meta, "_meta", nil, func(n string) bool { return n == MetaRelatedTask })
	if bytes.Equal(bytes.Join(bytes.Fields(rest.Value), nil), []byte("{}")) {
		return wire.Splice(nil, obj, wire.ChangeMembers(obj, whole(obj), nil, func(n string) bool { return n == "_meta" }))
	}
	return wire.Splice(nil, obj, wire.ChangeMembers(obj, whole(obj), []wire.Member{rest}, nil))
}

// WithTasks is capabilities that name the tasks extension too.
func WithTasks(caps []byte) []byte {
	if DeclaresTasks(caps) || wire.Valid(caps) != nil || caps[whole(caps).Start] != '{' {
		return caps
	}
	extensions, _ := single(caps, whole(caps), "extensions")
	set := nested(caps, extensions, "extensions", []wire.Member{{Name: TasksID, Value: []byte("{}")}}, nil)
	return wire.Splice(nil, caps, wire.ChangeMembers(caps, whole(caps), []wire.Member{set}, nil))
}
