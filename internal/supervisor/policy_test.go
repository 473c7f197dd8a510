package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// pass lets time pass in a bubble, and everything happen that happens until then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestSupervisor_CrashLoopEndsInErrorWithStderrTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var dials []time.Time
		w.dialing(func(context.Context, backend.Spec) (*backend.Conn, error) {
			dials = append(dials, time.Now())
			var lines []string
			for i := range 50 {
				lines = append(lines, fmt.Sprintf("line %d: no such module, key s3cret-token", i))
			}
			return nil, &backend.ExitError{Code: 7, Stderr: lines}
		})
		w.install("broken", stdioDefinition("broken"), value(mcpmux.ValueEnv, "KEY", "s3cret-token", true))
		w.Start()
		synctest.Wait()
		if ok, _ := w.Settled(); !ok {
			t.Error("not settled although the first attempt has failed")
		}
		began := time.Now()
		if _, err := w.Pool().Acquire(t.Context(), "broken", "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || time.Since(began) != 0 {
			t.Errorf("a call meanwhile got %v after %s", err, time.Since(began))
		}
		pass(time.Minute)
		st := w.isIn("broken", mcpmux.StateError)
		if len(dials) != maxFailures || st.Attempts != maxFailures {
			t.Errorf("%d dials, %d attempts; want %d", len(dials), st.Attempts, maxFailures)
		}
		if len(st.Stderr) != stderrTail || !strings.HasPrefix(st.Stderr[stderrTail-1], "line 49: no such module") {
			t.Errorf("stderr tail: %q", st.Stderr)
		}
		if all := fmt.Sprint(st, w.Logs("broken", -1)); strings.Contains(all, "s3cret") {
			t.Errorf("a secret in %s", all)
		}
		for i := 1; i < len(dials); i++ {
			base := minBackoff << (i - 1)
			if d := dials[i].Sub(dials[i-1]); d < base/2 || d > base*3/2+time.Millisecond {
				t.Errorf("attempt %d came %s after the one before, want %s ± half", i+1, d, base)
			}
		}

		pass(time.Hour)
		if len(dials) != maxFailures {
			t.Error("tried again by itself")
		}
		if err := w.Restart("broken"); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if len(dials) != 2*maxFailures {
			t.Errorf("%d dials after the restart", len(dials)-maxFailures)
		}
		w.setValues("broken", value(mcpmux.ValueEnv, "KEY", "another-token", true))
		pass(time.Minute)
		if len(dials) != 3*maxFailures {
			t.Errorf("%d dials after the change", len(dials)-2*maxFailures)
		}
	})
}

func TestSupervisor_HTTPServerIsTriedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var dials atomic.Int64
		w.dialing(func(context.Context, backend.Spec) (*backend.Conn, error) {
			dials.Add(1)
			return nil, errors.New("connection refused")
		})
		w.install("far", httpDefinition("http://far.test/mcp"))
		w.Start()
		pass(time.Hour)
		st := w.isIn("far", mcpmux.StateError)
		if !strings.Contains(st.Reason, "connection refused") {
			t.Errorf("reason %q", st.Reason)
		}
		if n := dials.Load(); n < 100 || n > 260 {
			t.Errorf("%d attempts in an hour, want one about every %s", n, maxBackoff)
		}
	})
}

func TestSupervisor_LoginRequiredWaitsForTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var dials atomic.Int64
		w.dialing(func(context.Context, backend.Spec) (*backend.Conn, error) {
			dials.Add(1)
			return nil, fmt.Errorf("dial: %w", &backend.LoginRequiredError{})
		})
		w.install("far", httpDefinition("http://far.test/mcp"))
		w.Start()
		pass(time.Hour)
		w.isIn("far", mcpmux.StateLoginRequired)
		var login *backend.LoginRequiredError
		if _, err := w.Pool().Acquire(t.Context(), "far", "", false); !errors.As(err, &login) {
			t.Errorf("a call got %v", err)
		}
		if n := dials.Load(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
		w.setValues("far", value(mcpmux.ValueHeader, "Authorization", "Bearer new", true))
		synctest.Wait()
		if n := dials.Load(); n != 2 {
			t.Errorf("%d dials after a new value, want 2", n)
		}
	})
}

func TestSupervisor_CallsWaitWhileRefusedCredentialsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		renewing, renewed := make(chan struct{}), make(chan struct{})
		w := newWorld(t, func(c *Config) {
			c.Options.Transport = f.transport
			c.Renew = func(context.Context, mcpmux.ServerID, *backend.LoginRequiredError) error {
				close(renewing)
				<-renewed
				f.with("far", func(s *scripted) { s.login = false })
				return nil
			}
		})
		w.install("far", f.add("far", &scripted{login: true}))
		w.Start()
		<-renewing
		synctest.Wait()
		if st := w.isIn("far", mcpmux.StateConnecting); strings.Contains(st.Reason, "trying again") {
			t.Errorf("a server whose credentials are renewed counts as failed: %+v", st)
		}
		called := make(chan error, 1)
		go func() {
			lease, err := w.Pool().Acquire(t.Context(), "far", "", false)
			if err == nil {
				lease.Release()
			}
			called <- err
		}()
		synctest.Wait()
		select {
		case err := <-called:
			t.Errorf("a call did not wait: %v", err)
			called <- nil
		default:
		}
		close(renewed)
		if err := <-called; err != nil {
			t.Errorf("a call that waited: %v", err)
		}
		pass(time.Second)
		if st := w.isIn("far", mcpmux.StateConnected); st.Attempts != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestSupervisor_LockedValuesAreAnErrorOfThatServerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		dialled := make(map[string]int)
		w.dialing(func(_ context.Context, spec backend.Spec) (*backend.Conn, error) {
			dialled[spec.Command]++
			return nil, errors.New("stop here")
		})
		w.lock("sealed", mcpmux.Errorf(mcpmux.CodeUnavailable, "the keychain is locked; unlock it"))
		w.install("sealed", stdioDefinition("sealed"))
		w.install("missing", stdioDefinition("missing", "${input:dir}"))
		w.install("open", stdioDefinition("open"))
		w.Start()
		synctest.Wait()
		if st := w.isIn("sealed", mcpmux.StateError); !strings.Contains(st.Reason, "keychain is locked") {
			t.Errorf("reason %q", st.Reason)
		}
		if st := w.isIn("missing", mcpmux.StateError); !strings.Contains(st.Reason, `input "dir"`) {
			t.Errorf("reason %q", st.Reason)
		}
		if dialled["open"] != 1 || dialled["sealed"] != 0 || dialled["missing"] != 0 {
			t.Errorf("dials: %v", dialled)
		}
		if _, err := w.Pool().Acquire(t.Context(), "sealed", "", false); err == nil || !strings.Contains(err.Error(), "keychain is locked") {
			t.Errorf("a call got %v", err)
		}
		w.lock("sealed", nil)
		pass(lockedRetry)
		if dialled["sealed"] == 0 {
			t.Error("not tried again after the keychain was unlocked")
		}
	})
}

func TestSupervisor_StatesFollowTheDesiredState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.dialing(func(ctx context.Context, _ backend.Spec) (*backend.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if ok, _ := w.Settled(); ok {
			t.Error("settled before the desired state is known")
		}
		w.install("one", stdioDefinition("one"))
		w.isIn("one", mcpmux.StateStopped)
		w.Start()
		w.isIn("one", mcpmux.StateConnecting)
		if ok, waiting := w.Settled(); ok || !slices.Equal(waiting, []string{"one"}) {
			t.Errorf("Settled = %v, %v", ok, waiting)
		}
		synctest.Wait()
		w.edit("one", func(s *mcpmux.Server) { s.Enabled = false }) // It is still connecting.
		w.isIn("one", mcpmux.StateDisabled)
		if ok, _ := w.Settled(); !ok {
			t.Error("a disabled server is waited for")
		}
		if err := w.Restart("one"); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
			t.Errorf("restart of a disabled server: %v", err)
		}
		w.edit("one", func(s *mcpmux.Server) { s.Enabled = true })
		w.isIn("one", mcpmux.StateConnecting)
		if err := w.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.isIn("one", mcpmux.StateStopped)
		if err := w.Restart("one"); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
			t.Errorf("restart of a stopped server: %v", err)
		}
		w.Start()
		w.want(func(st *mcpmux.State) { st.Servers = nil })
		if len(w.Statuses()) != 0 {
			t.Errorf("a deleted server has a state: %v", w.Statuses())
		}
		if err := w.Restart("one"); mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
			t.Errorf("restart of a deleted server: %v", err)
		}
		var seen []mcpmux.ServerState
		for _, st := range w.statuses["one"] {
			seen = append(seen, st.State)
		}
		want := []mcpmux.ServerState{"stopped", "connecting", "disabled", "connecting", "stopped", "connecting"}
		if !slices.Equal(seen, want) {
			t.Errorf("OnStatus heard %v, want %v", seen, want)
		}
	})
}
