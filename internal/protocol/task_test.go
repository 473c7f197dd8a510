package protocol

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestTask_CapabilitiesNameTheExtensionOnlyInItsPlace(t *testing.T) {
	for caps, want := range map[string]bool{
		`{"extensions":{"io.modelcontextprotocol/tasks":{}}}`:       true,
		`{"extensions":{"io.modelcontextprotocol\/\u0074asks":{}}}`: true,
		`{"extensions":{"io.modelcontextprotocol/tasks":true}}`:     false,
		`{"experimental":{"io.modelcontextprotocol/tasks":{}}}`:     false,
		`{"extensions":["io.modelcontextprotocol/tasks"]}`:          false,
		`{"tasks":{}}`: false, `{}`: false, `tasks`: false, ``: false,
	} {
		if got := DeclaresTasks([]byte(caps)); got != want {
			t.Errorf("%s: %v", caps, got)
		}
		if DeclaresTasks(WithoutTasks([]byte(caps))) {
			t.Errorf("%s still names it", caps)
		}
		if wire.Valid([]byte(caps)) == nil && !DeclaresTasks(WithTasks([]byte(caps))) {
			t.Errorf("%s does not name it: %s", caps, WithTasks([]byte(caps)))
		}
	}
	if got, want := string(WithTasks([]byte(`{"roots":{},"extensions":{"a":1.0}}`))), `{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{},"a":1.0}}`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestTask_ToolsAndServersSayWhoRunsThem(t *testing.T) {
	for tool, want := range map[string]bool{
		`{"name":"t","execution":{"taskSupport":"required"}}`:                    true,
		`{"name":"t","execution":{"taskSupport":"optional"},"title":"required"}`: false,
		`{"name":"t","inputSchema":{"required":["taskSupport"]}}`:                false,
		`{"name":"t"}`: false,
	} {
		if got := NeedsTask([]byte(tool)); got != want {
			t.Errorf("%s: %v", tool, got)
		}
	}
	for caps, want := range map[string]bool{
		`{"tasks":{"requests":{"tools":{"call":{}}}}}`:             true,
		`{"tasks":{"requests":{"sampling":{"createMessage":{}}}}}`: false,
		`{"tasks":{}}`: false, `{"tasks":true}`: false, ``: false,
	} {
		if got := RunsTasks([]byte(caps)); got != want {
			t.Errorf("%s: %v", caps, got)
		}
	}
}

func TestTask_IDsAreFoundWhereTheyNameATaskAndNowhereElse(t *testing.T) {
	for obj, want := range map[string]string{
		`{"resultType":"task","taskId":"a","status":"working"}`:                                           `"a"`,
		`{"task":{"taskId":"a","ttl":1},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"b"}}}`: `"a" "b"`,
		`{"content":[{"taskId":"a"}],"structuredContent":{"taskId":"a","task":{"taskId":"b"}}}`:           ``,
		`{"taskId":7,"task":"a","_meta":[]}`:                                                              ``,
		`[]`:                                                                                              ``,
	} {
		var got []string
		for _, at := range TaskIDs([]byte(obj), wire.Span{End: len(obj)}) {
			got = append(got, obj[at.Start:at.End])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", obj, got)
		}
	}
}

func TestTask_StateIsReadInBothShapes(t *testing.T) {
	for obj, want := range map[string]struct {
		ttl   time.Duration
		ended bool
	}{
		`{"task":{"taskId":"a","status":"working","ttl":1500}}`:  {1500 * time.Millisecond, false},
		`{"taskId":"a","status":"completed","ttlMs":1}`:          {time.Millisecond, true},
		`{"status":"failed","ttlMs":null}`:                       {0, true},
		`{"status":"cancelled","ttl":-1}`:                        {0, true},
		`{"status":"input_required","ttl":99999999999999999999}`: {0, false},
		`{}`: {0, false},
	} {
		if ttl, ended := TaskState([]byte(obj), wire.Span{End: len(obj)}); ttl != want.ttl || ended != want.ended {
			t.Errorf("%s: %v %v", obj, ttl, ended)
		}
	}
}

func TestTask_TheRelatedOneIsSetAndRemovedAndNothingElse(t *testing.T) {
	const related = `"io.modelcontextprotocol/related-task":`
	for obj, want := range map[string][2]string{
		`{"a":1.0}`: {`{"_meta":{` + related + `{"taskId":"x"}},"a":1.0}`, `{"a":1.0}`},
		`{"_meta":{` + related + `{"taskId":"y"}},"a":1.0}`:         {`{"_meta":{` + related + `{"taskId":"x"}},"a":1.0}`, `{"a":1.0}`},
		`{"a":1.0,"_meta":{"k":2.0,` + related + `{"taskId":"y"}}}`: {`{"a":1.0,"_meta":{"k":2.0,` + related + `{"taskId":"x"}}}`, `{"a":1.0,"_meta":{"k":2.0}}`},
		`[]`: {`[]`, `[]`}, ``: {``, ``},
	} {
		set, removed := WithRelatedTask([]byte(obj), "x"), WithRelatedTask([]byte(obj), "")
		if string(set) != want[0] || string(removed) != want[1] {
			t.Errorf("%s: %s and %s", obj, set, removed)
		}
		if strings.HasPrefix(obj, "{") && (RelatedTask(set) != "x" || RelatedTask(removed) != "") {
			t.Errorf("%s: read %q and %q", obj, RelatedTask(set), RelatedTask(removed))
		}
	}
}
