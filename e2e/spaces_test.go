package e2e

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

const listChanged = "notifications/tools/list_changed"

// twoSpaces has a server one in My Space, which is active, and two in Work.
func twoSpaces(t *testing.T) *Daemon {
	t.Helper()
	d := Start(t, Options{})
	d.AddScripted("one", mcptest.Script{})
	d.CLI("space", "create", "Work")
	_, url := scripted(t, mcptest.Script{})
	d.CLI("server", "add", "two", "--space", "Work", url)
	d.Await("tools of two", func() bool { return strings.Contains(d.CLI("server", "features", "two", "--space", "Work"), "echo") })
	return d
}

// sees checks which server's echo is listed and can be called.
func sees(t *testing.T, m *MCP, alias string) {
	t.Helper()
	tools := m.Tools()
	for _, a := range []string{"one", "two"} {
		if listed := slices.Contains(tools, a+"_echo"); listed != (a == alias) {
			t.Errorf("tools of server %s listed: %t, want those of %q alone", a, listed, alias)
		}
		if a == alias {
			m.Call(a+"_echo", `{}`).Result(t)
		} else {
			hidden(t, m, "tools/call", `{"name":"`+a+`_echo","arguments":{}}`, a+"_echo")
		}
	}
}

// A client that follows sees the Space that becomes active, and is told; a locked one stays.
func TestSpaces_FollowingClientMovesLockedClientStays(t *testing.T) {
	t.Parallel()
	d := twoSpaces(t)
	follow, locked := d.Session(d.NewClient("follow")), d.Session(d.NewClient("locked", "--mode", "locked"))
	d.CLI("client", "grant", "follow", "All", "--space", "Work")
	d.CLI("client", "grant", "locked", "All", "--space", "Work")
	told, stays := follow.Listen(), locked.Listen()
	sees(t, follow, "one")
	sees(t, locked, "one")
	d.CLI("space", "activate", "Work")
	within(t, soon, told, listChanged)
	sees(t, follow, "two")
	sees(t, locked, "one")
	for _, raw := range drain(stays) {
		t.Errorf("the locked client was told %s", raw)
	}
}

// A client that is asked stays until the user accepts; after a refusal it stays for good.
func TestSpaces_AskedClientMovesOnlyWhenTheUserAgrees(t *testing.T) {
	t.Parallel()
	d := twoSpaces(t)
	agrees, refuses := d.Session(d.NewClient("agrees", "--mode", "ask")), d.Session(d.NewClient("refuses", "--mode", "ask"))
	d.CLI("client", "grant", "agrees", "All", "--space", "Work")
	d.CLI("client", "grant", "refuses", "All", "--space", "Work")
	told := agrees.Listen()
	d.CLI("space", "activate", "Work")
	sees(t, agrees, "one")
	sees(t, refuses, "one")
	var status struct {
		Questions []struct{ Client, From, To string }
	}
	d.JSON(&status, "status")
	if len(status.Questions) != 2 || status.Questions[0].To != "Work" {
		t.Errorf("questions: %+v", status.Questions)
	}
	d.CLI("client", "switch", "agrees", "accept")
	d.CLI("client", "switch", "refuses", "decline")
	within(t, soon, told, listChanged)
	sees(t, agrees, "two")
	sees(t, refuses, "one")
	d.JSON(&status, "status")
	if len(status.Questions) != 0 {
		t.Errorf("questions that were answered: %+v", status.Questions)
	}
}

// A client locked to a Space that was deleted sees nothing, never another Space.
func TestSpaces_ClientOfADeletedSpaceSeesNothing(t *testing.T) {
	t.Parallel()
	d := twoSpaces(t)
	m := d.Session(d.NewClient("a", "--mode", "locked", "--space", "Work"))
	sees(t, m, "two")
	told := m.Listen()
	d.CLI("space", "delete", "Work")
	within(t, soon, told, listChanged)
	sees(t, m, "")
}

// On a terminal a deletion is shown and asked for; a script that says it means it.
func TestSpaces_DeletingAsksOnATerminalAlone(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("there is no program script that gives another one a terminal")
	}
	d := twoSpaces(t)
	onTerminal := func(typed string) (string, error) {
		cmd := exec.Command(script, "-qec", "'"+program+"' space delete Work", "/dev/null")
		cmd.Env = append(slices.Clip(d.env), "MCPMUX_DATA_DIR="+d.Dir)
		cmd.Stdin = strings.NewReader(typed)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := onTerminal("Wrk\n")
	if err == nil || !strings.Contains(out, "1 server: two") || !strings.Contains(out, "nothing was deleted") {
		t.Errorf("another name: %v\n%s", err, out)
	}
	if out, err = onTerminal("Work\n"); err != nil || !strings.Contains(out, "deleted the Space") {
		t.Errorf("its name: %v\n%s", err, out)
	}
	d.CLI("space", "create", "Work")
	cmd := exec.Command(program, "space", "delete", "Work") // without a standard input, which is the null device
	cmd.Env = append(slices.Clip(d.env), "MCPMUX_DATA_DIR="+d.Dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a script: %v\n%s", err, out)
	}
}

// Two Spaces share nothing: neither what a client sees nor what the admin API answers for one of them, and the
// same alias can be in both.
func TestSpaces_NothingCrosses(t *testing.T) {
	t.Parallel()
	d := twoSpaces(t)
	_, url := scripted(t, mcptest.Script{})
	d.CLI("server", "add", "one", "--space", "Work", url)
	d.CLI("featureset", "create", "mine")
	if _, _, code := d.TryCLI("featureset", "show", "mine", "--space", "Work"); code != 1 {
		t.Errorf("a FeatureSet of another Space is found: exit code %d", code)
	}
	if _, _, code := d.TryCLI("server", "show", "two"); code != 1 {
		t.Errorf("a server of another Space is found: exit code %d", code)
	}
	if list := d.CLI("server", "list", "--json"); strings.Contains(list, `"two"`) {
		t.Errorf("the list of a Space has a server of another: %s", list)
	}
	m := d.Session(d.NewClient("a"))
	sees(t, m, "one")
	d.CLI("server", "remove", "one", "--space", "Work")
	sees(t, m, "one")
}
