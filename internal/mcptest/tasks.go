package mcptest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// task is a tool call that runs by itself: a core task of 2025-11-25, or one of the extension of 2026-07-28. Ids
// are task-1, task-2 …, the same in every process on purpose.
type task struct {
	id      string
	request *request // that made it
	args    arguments
	ttl     string // JSON
	created string

	// Server.mu guards the following.
	status  string
	updated string
	asking  bool   // the question is on its way, of a core task
	answer  string // to the question
	result  string // of status completed
	fail    *failure
	held    bool
}

// States of tasks.
const (
	working       = "working"
	inputRequired = "input_required"
	completed     = "completed"
	broken        = "failed"
	cancelled     = "cancelled"
)

func (t *task) ended() bool { return t.status != working && t.status != inputRequired }

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// runTask runs task_required and task_optional: as a task where the revision has them and the client can take
// one, else like any other call.
func (r *request) runTask(a arguments) (string, *failure) {
	required := r.params.Name == "task_required"
	switch {
	case !r.s.script.strict():
	case r.modern() && r.caps.tasks(), r.version == protocol.V20251125 && r.params.Task != nil:
		return r.makeTask(a)
	case r.modern() && required:
		return "", missing(protocol.TasksRequired)
	case r.version == protocol.V20251125 && required:
		return "", failed(wire.CodeMethodNotFound, "this tool only runs as a task")
	}
	return r.runNow(a)
}

func (r *request) runNow(a arguments) (string, *failure) {
	if r.sleep(a.MS); a.Hold {
		if result, fail := r.hold(); result == "" || fail != nil {
			return result, fail
		}
	}
	answer := ""
	if a.Ask {
		answers, result, fail := r.put(r.taskQuestion(""))
		if answers == nil {
			return result, fail
		}
		answer = answers[0]
	}
	return outcome(a, answer)
}

// outcome is what a call of these tools comes to, as a task or not.
func outcome(a arguments, answer string) (string, *failure) {
	said := or(answer, or(a.Text, "done"))
	switch {
	case a.Error:
		return "", failed(wire.CodeInternal, said)
	case a.Fail:
		return toolError(said), nil
	}
	return text(said), nil
}

// taskQuestion is the form that a task asks; a core task names itself (MCP 2025-11-25 basic/utilities/tasks
// §Related Task Metadata).
func (r *request) taskQuestion(id string) question {
	params := r.form("Go on?", "")
	if id != "" && !r.modern() {
		params = strings.TrimSuffix(params, "}") + `,"_meta":{"` + protocol.MetaRelatedTask + `":{"taskId":` + quote(id) + `}}}`
	}
	return elicitation("name", params)
}

func (r *request) makeTask(a arguments) (string, *failure) {
	if q := r.taskQuestion(""); a.Ask && !q.allowed(r.caps) {
		if r.modern() {
			return "", missing(q.needs)
		}
		return "", &failure{code: wire.CodeInternal, message: "the client does not declare " + q.needs, refused: true}
	}
	t := &task{request: r, args: a, status: working, created: now(), updated: now(), held: a.Hold, ttl: "60000"}
	if !r.modern() && r.params.Task.TTL != nil {
		t.ttl = strconv.FormatInt(*r.params.Task.TTL, 10)
	}
	var first string
	r.s.note(func() {
		t.id = "task-" + strconv.Itoa(len(r.s.tasks)+1)
		r.s.tasks = append(r.s.tasks, t)
		first = t.object()
	})
	if !a.Hold {
		time.AfterFunc(time.Duration(a.MS)*time.Millisecond, func() { r.s.proceed(t) })
	}
	if r.modern() {
		return `{"resultType":"task",` + first[1:], nil
	}
	return `{"task":` + first + `}`, nil
}

// object is the task as tasks/get shows it. The caller holds mu.
func (t *task) object() string {
	text := `{"taskId":` + quote(t.id) + `,"status":` + quote(t.status) + `,"createdAt":` + quote(t.created) + `,"lastUpdatedAt":` + quote(t.updated)
	if !t.request.modern() {
		return text + `,"ttl":` + t.ttl + `,"pollInterval":50}`
	}
	text += `,"ttlMs":` + t.ttl + `,"pollIntervalMs":50`
	switch t.status {
	case inputRequired:
		q := t.request.taskQuestion(t.id)
		text += `,"inputRequests":{` + quote(q.key) + `:` + q.object() + `}`
	case completed:
		text += `,"result":{"resultType":"complete",` + t.result[1:]
	case broken:
		text += `,"error":{"code":` + strconv.Itoa(t.fail.code) + `,"message":` + quote(t.fail.message) + `}`
	}
	return text + `}`
}

// set changes the state of a task that has not ended and tells who listens. False: it has ended.
func (s *Server) set(t *task, change func()) bool {
	var object string
	s.note(func() {
		if t.ended() {
			return
		}
		before := t.status
		change()
		t.updated = now()
		if t.status != before {
			object = t.object()
		}
	})
	if object == "" {
		return false
	}
	if t.request.modern() {
		s.news("notifications/tasks", object, func(*peer) bool { return false }, func(f filter) bool { return slices.Contains(f.Tasks, t.id) })
		return true
	}
	s.tell(t.request.p, wire.NewNotification("notifications/tasks/status", []byte(object)))
	return true
}

// proceed takes a task on: to its question, or to its end.
func (s *Server) proceed(t *task) {
	s.set(t, func() {
		if t.held = false; t.args.Ask && t.answer == "" {
			t.status = inputRequired
			return
		}
		t.result, t.fail = outcome(t.args, t.answer)
		t.status = completed
		if t.fail != nil {
			t.status = broken
		}
	})
}

func (s *Server) releaseTasks() {
	s.mu.Lock()
	held := slices.DeleteFunc(slices.Clone(s.tasks), func(t *task) bool { return !t.held })
	s.mu.Unlock()
	for _, t := range held {
		s.proceed(t)
	}
}

// task is the one of this id, nil where there is none.
func (s *Server) task(id string) *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (s *Server) object(t *task) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.object()
}

// taskMethod answers the methods about tasks, of the core or of the extension.
func (r *request) taskMethod() (string, *failure) {
	method := strings.TrimPrefix(r.m.Method, "tasks/")
	extension := r.modern()
	switch {
	case !r.s.script.strict(), !extension && r.version != protocol.V20251125,
		extension && (method == "result" || method == "list"), !extension && method == "update":
		return r.unknown()
	case extension && !r.caps.tasks():
		return "", missing(protocol.TasksRequired)
	case method == "list":
		return r.listTasks()
	}
	t := r.s.task(r.params.TaskID)
	if t == nil {
		return "", failed(wire.CodeInvalidParams, "there is no such task")
	}
	switch method {
	case "get":
		return r.s.object(t), nil
	case "result":
		return r.taskResult(t)
	case "update":
		r.updateTask(t)
		return "{}", nil
	}
	ended := !r.s.set(t, func() { t.status = cancelled })
	if extension {
		return "{}", nil
	}
	if ended {
		return "", failed(wire.CodeInvalidParams, "the task has ended")
	}
	return r.s.object(t), nil
}

func (r *request) listTasks() (string, *failure) {
	r.s.mu.Lock()
	all := make([]string, 0, len(r.s.tasks))
	for _, t := range r.s.tasks {
		all = append(all, t.object())
	}
	r.s.mu.Unlock()
	return r.list("tasks", all)
}

// updateTask takes the answer to what a task of the extension asks; others are ignored.
func (r *request) updateTask(t *task) {
	raw, ok := r.params.InputResponses["name"]
	if !ok || !answers(raw) {
		return
	}
	if r.s.set(t, func() {
		if t.status == inputRequired {
			t.answer, t.status = string(raw), working
		}
	}) {
		r.s.proceed(t)
	}
}

// taskResult waits for the end of a core task and answers as its call would have. A question of the task is put
// here (MCP 2025-11-25 basic/utilities/tasks §Input Required Status).
func (r *request) taskResult(t *task) (string, *failure) {
	for {
		var ask, ended bool
		if !r.s.Await(r.ctx, func() bool {
			r.s.mu.Lock()
			defer r.s.mu.Unlock()
			ended, ask = t.ended(), t.status == inputRequired && !t.asking
			t.asking = t.asking || ask
			return ended || ask
		}) {
			return "", nil
		}
		if ended {
			break
		}
		r.askForTask(t)
	}
	switch {
	case t.fail != nil:
		return "", t.fail
	case t.status == cancelled:
		return "", failed(wire.CodeInternal, "the task was cancelled")
	}
	return `{"_meta":{"` + protocol.MetaRelatedTask + `":{"taskId":` + quote(t.id) + `}},` + t.result[1:], nil
}

func (r *request) askForTask(t *task) {
	answer, done := r.s.asking(r.p, r.taskQuestion(t.id), r.out)
	defer done()
	select {
	case m := <-answer:
		said := string(m.Bytes(m.Result))
		if m.Kind == wire.Error {
			said = "the client refused: " + string(m.Bytes(m.Error))
		}
		if r.s.set(t, func() { t.answer, t.status, t.asking = said, working, false }) {
			r.s.proceed(t)
		}
	case <-r.ctx.Done(): // Whoever asks for the result next is asked.
		r.s.note(func() { t.asking = false })
	}
}
