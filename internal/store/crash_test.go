package store

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// crashVariable makes the test binary a writer that never stops, on crashFile in its working folder.
const (
	crashVariable = "MCPMUX_TEST_CRASH"
	crashFile     = "mcpmux.db"
)

// TestCrashWriter is the child process of TestStore_KilledInTheMiddleLosesNothingCommitted.
func TestCrashWriter(t *testing.T) {
	if os.Getenv(crashVariable) == "" {
		t.Skip("it runs as a child of another test")
	}
	s, err := Open(bg, crashFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.Load(bg)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		_, rev, err := s.CreateServer(bg, NewServer{
			Space: st.Spaces[0].ID, Alias: fmt.Sprintf("p%d-%d", os.Getpid(), i),
			Definition: mcpmux.Definition{Transport: "stdio", Command: strings.Repeat("x", 2000)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(os.Stdout, "committed", rev); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStore_KilledInTheMiddleLosesNothingCommitted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, crashFile)
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashWriter$")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), crashVariable+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var last int64
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			text, ok := strings.CutPrefix(lines.Text(), "committed ")
			if !ok {
				t.Log(lines.Text())
				continue
			}
			if last, err = strconv.ParseInt(text, 10, 64); err != nil {
				t.Fatal(err)
			}
			// After that many commits it dies, and what it still wrote is read to the end of the pipe.
			if n++; n == 30+7*round {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // it was killed

		f := &fixture{t: t, path: path}
		f.open()
		st := f.state()
		sets := 0
		for _, set := range st.FeatureSets {
			if set.Kind == mcpmux.SetServerAll {
				sets++
			}
		}
		if last == 0 || st.Revision < last || sets != len(st.Servers) {
			t.Errorf("committed %d, found %d; %d Servers with %d sets", last, st.Revision, len(st.Servers), sets)
		}
		changes, err := f.Changes(bg, 0, 1_000_000)
		if err != nil || int64(len(changes)) != st.Revision {
			t.Errorf("%d Changes up to revision %d, %v", len(changes), st.Revision, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStore_ParallelWritesAllCommit(t *testing.T) {
	f := newStore(t)
	before := f.state().Revision
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				if _, _, err := f.CreateSpace(bg, fmt.Sprintf("Space %d %d", w, i), ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if st := f.state(); len(st.Spaces) != 81 || st.Revision != before+80 {
		t.Errorf("%d Spaces, %d Changes", len(st.Spaces), st.Revision-before)
	}
}

func TestStore_CancelledWriteLeavesNothing(t *testing.T) {
	f := newStore(t)
	before := f.state().Revision
	ctx, cancel := context.WithCancel(bg)
	_, err := f.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.change(ctx, "space.created", "x", "x"); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if err == nil {
		t.Error("a cancelled write was committed")
	}
	f.space("Work")
	if rev := f.state().Revision; rev != before+1 {
		t.Errorf("revision %d, want %d", rev, before+1)
	}
}
