package mcptest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// States of a task, in both eras.
const (
	working    = "working"
	needsInput = "input_required"
	completed  = "completed"
	broken     = "failed"
	cancelled  = "cancelled"
)

// taskTakes is how long a task works by itself, so that its maker knows its id before anything happens.
const taskTakes = 20 * time.Millisecond

// task is a call that goes on after it was answered. s.mu guards it.
type task struct {
	id, status       string
	created, updated time.Time
	modern           bool
	session          string
	asks             bool
	args             arguments
	question         question
	result           string
}

// object is the task as both eras write it, with members before the closing brace.
func (t *task) object(more string) string {
	ttl, poll := "ttl", "pollInterval"
	if t.modern {
		ttl, poll = "ttlMs", "pollIntervalMs"
	}
	stamp := func(at time.Time) string { return quote(at.UTC().Format(time.RFC3339Nano)) }
	return `{"taskId":` + quote(t.id) + `,"status":` + quote(t.status) + `,"createdAt":` + stamp(t.created) +
		`,"lastUpdatedAt":` + stamp(t.updated) + `,"` + ttl + `":60000,"` + poll + `":10` + more + `}`
}

// detailed is the task with what belongs to its state: in the newer era that is told with it.
func (t *task) detailed() string {
	switch {
	case t.modern && t.status == needsInput:
		return t.object(`,"inputRequests":` + inputRequests([]question{t.question}))
	case t.modern && t.status == completed:
		return t.object(`,"result":` + t.result)
	case t.modern && t.status == broken:
		return t.object(`,"error":{"code":-32603,"message":` + quote(taskBroken.message) + `}`)
	}
	return t.object("")
}

// taskCall calls the tools task_required and task_optional.
func (r *request) taskCall(required bool, a arguments) (string, *failure) {
	extension := r.modern && r.can(protocol.TasksRequired)
	switch {
	case extension:
		return r.startTask(a), nil
	case r.has(protocol.TasksCore) && len(r.Task) > 0:
		return `{"task":` + r.startTask(a) + `}`, nil
	case required && r.modern:
		return "", missingTasks()
	case required:
		return "", &failure{wire.CodeMethodNotFound, "the tool only runs as a task", ""}
	case a.Ask:
		result, fail, _ := r.questions("elicit", a)
		return result, fail
	}
	return a.outcome("task done")
}

// taskBroken is how a task ends that was to end with an error.
var taskBroken = &failure{wire.CodeInternal, "the task broke", ""}

// outcome is what a call of these tools comes to.
func (a arguments) outcome(said string) (string, *failure) {
	switch {
	case a.Error:
		return "", taskBroken
	case a.Fail:
		return strings.TrimSuffix(text(said), "}") + `,"isError":true}`, nil
	}
	return text(said), nil
}

func missingTasks() *failure {
	return &failure{wire.CodeMissingCapability, "the client has no tasks", `{"requiredCapabilities":` + protocol.TasksRequired + `}`}
}

// startTask makes a task and answers with it; ids count up in each server, so that those of two collide.
func (r *request) startTask(a arguments) string {
	now := time.Now()
	t := &task{
		status: working, created: now, updated: now, modern: r.modern, session: r.session, asks: a.Ask,
		question: r.elicitation(a), args: a,
	}
	t.result, _ = a.outcome("task done")
	t.result = r.complete(t.result)
	var made string
	r.s.note(func() {
		r.s.nextTask++
		t.id = "task-" + strconv.Itoa(r.s.nextTask)
		r.s.tasks[t.id] = t
		made = t.object("")
		if t.modern {
			made = `{"resultType":"task",` + made[1:]
		}
	})
	if !a.Hold {
		time.AfterFunc(taskTakes, func() { r.s.goOn(t) })
	}
	return made
}

// goOn lets a task that works ask, or end.
func (s *Server) goOn(t *task) {
	s.mu.Lock()
	next := completed
	switch {
	case t.asks:
		next = needsInput
	case t.args.Error:
		next = broken
	}
	from := t.status
	s.mu.Unlock()
	if from == working {
		s.setTask(t, next, "")
	}
}

// goOnAll is goOn for every task, those that are held too.
func (s *Server) goOnAll() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.tasks))
	s.mu.Unlock()
	for _, t := range all {
		s.goOn(t)
	}
}

// setTask changes a task and says so; answer is its new text, or "".
func (s *Server) setTask(t *task, status, answer string) {
	var told, method string
	s.note(func() {
		t.status, t.updated = status, time.Now()
		if answer != "" {
			t.result, _ = t.args.outcome(answer)
			if t.args.Error {
				t.status = broken
			}
			if t.modern {
				t.result = `{"resultType":"complete",` + strings.TrimPrefix(t.result, "{")
			}
		}
		told, method = t.detailed(), "notifications/tasks/status"
		if t.modern {
			method = "notifications/tasks"
		}
	})
	s.tell(method, told,
		func(key string, _ *peer) bool { return !t.modern && key == t.session },
		func(f filter) bool { return t.modern && slices.Contains(f.Tasks, t.id) })
}

// taskMethod answers the methods about tasks. ok is false where the revision has no such method.
func (r *request) taskMethod() (result string, fail *failure, ok bool) {
	name, is := strings.CutPrefix(r.m.Method, "tasks/")
	core := r.has(protocol.TasksCore) && slices.Contains([]string{"get", "result", "cancel", "list"}, name)
	extension := r.modern && slices.Contains([]string{"get", "update", "cancel"}, name)
	if !is || !core && !extension {
		return "", nil, false
	}
	if extension && !r.can(protocol.TasksRequired) {
		return "", missingTasks(), true
	}
	if name == "list" {
		return r.taskList(), nil, true
	}
	var p struct{ TaskID string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No id, no task.
	r.s.mu.Lock()
	t := r.s.tasks[p.TaskID]
	r.s.mu.Unlock()
	if t == nil || t.modern != r.modern {
		return "", &failure{wire.CodeInvalidParams, "unknown task " + p.TaskID, ""}, true
	}
	switch name {
	case "result":
		result, fail = r.taskResult(t)
	case "cancel":
		result, fail = r.taskCancel(t)
	case "update":
		result = r.taskUpdate(t)
	default:
		result = r.task(t)
	}
	return result, fail, true
}

func (r *request) task(t *task) string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return t.detailed()
}

func (r *request) taskList() string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	var all []string
	for _, id := range slices.Sorted(maps.Keys(r.s.tasks)) {
		if t := r.s.tasks[id]; t.session == r.session && !t.modern {
			all = append(all, t.object(""))
		}
	}
	return `{"tasks":[` + strings.Join(all, ",") + `]}`
}

func (r *request) taskStatus(t *task) string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return t.status
}

// taskResult waits for the end of a task, and asks for it where it wants to know something (2025-11-25
// basic/utilities/tasks §Input Required Status).
func (r *request) taskResult(t *task) (string, *failure) {
	if !r.s.Await(r.ctx, func() bool { return r.taskStatus(t) != working }) {
		return "", nil
	}
	if r.taskStatus(t) == needsInput {
		if fail := r.allowed(t.question); fail != nil {
			return "", fail
		}
		answers, ok := r.exchange([]question{t.question}, t.id)
		if !ok {
			return "", nil
		}
		r.s.setTask(t, completed, answers[0])
	}
	switch r.taskStatus(t) {
	case cancelled:
		return "", &failure{wire.CodeInternal, "the task was cancelled", ""}
	case broken:
		return "", taskBroken
	}
	return string(protocol.WithRelatedTask([]byte(t.result), t.id)), nil
}

func (r *request) taskCancel(t *task) (string, *failure) {
	switch r.taskStatus(t) {
	case completed, cancelled, broken:
		if !r.modern {
			return "", &failure{wire.CodeInvalidParams, "the task has ended", ""}
		}
	default:
		r.s.setTask(t, cancelled, "")
	}
	if r.modern {
		return "{}", nil
	}
	return r.task(t), nil
}

// taskUpdate takes the answer to what a task of the extension asked.
func (r *request) taskUpdate(t *task) string {
	if answer := r.Responses["q1"]; len(answer) > 0 && r.taskStatus(t) == needsInput {
		r.s.setTask(t, completed, string(bytes.TrimSpace(answer)))
	}
	return "{}"
}
