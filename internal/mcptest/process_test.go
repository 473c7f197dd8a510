package mcptest

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// start starts a server as a process of its own; lines are those of its output.
func start(t *testing.T, script Script) (in io.Writer, lines *bufio.Scanner) {
	t.Helper()
	program, env, err := Command(script)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), env...)
	w, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // It was killed with the test's context.
	return w, bufio.NewScanner(r)
}

func TestJunkAtStart_ComesBeforeMessages(t *testing.T) {
	in, lines := start(t, Script{JunkAtStart: true})
	_, _ = io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n")
	var got []string
	for len(got) < 4 && lines.Scan() {
		got = append(got, lines.Text())
	}
	if all := strings.Join(got, "\n"); !strings.HasPrefix(all, junk) || !strings.Contains(all, `"id":1`) {
		t.Errorf("got %q", all)
	}
}

func TestListen_ServesHTTPWithItsStatuses(t *testing.T) {
	_, lines := start(t, Script{Era: "modern", Listen: "127.0.0.1:0"})
	if !lines.Scan() {
		t.Fatal("no address")
	}
	meta := `"_meta":{"` + protocol.MetaVersion + `":"2026-07-28","` + protocol.MetaCapabilities + `":{}}`
	for body, want := range map[string]int{
		`"method":"server/discover","params":{` + meta + `}`:                            http.StatusOK,
		`"method":"no/such","params":{` + meta + `}`:                                    http.StatusNotFound,
		`"method":"tools/call","params":{"name":"elicit","arguments":{},` + meta + `}`:  http.StatusBadRequest,
		`"method":"tools/call","params":{"name":"nothing","arguments":{},` + meta + `}`: http.StatusOK,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+lines.Text(), strings.NewReader(`{"jsonrpc":"2.0","id":1,`+body+`}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Mcp-Protocol-Version", protocol.V20260728)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, resp.StatusCode, want)
		}
	}
}
