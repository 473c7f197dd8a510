package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// rekeyVariable makes the test binary change the master key for ever, in its working folder; it says what to stop at.
const rekeyVariable = "MCPMUX_TEST_REKEY"

// The points at which the child stops and waits for its end.
const (
	stopNowhere = "nowhere" // it goes on until it is killed
	stopBefore  = "before"  // the next key is about to be put into the keychain
	stopMade    = "made"    // it is there, and nothing is sealed with it
	stopSealed  = "sealed"  // everything is sealed with it, and the one before is not removed
)

// folderChain is a keychain in a folder, which outlives the process that is killed.
type folderChain struct {
	dir string
	at  func(point string)
}

func (c folderChain) path(account string) string {
	return filepath.Join(c.dir, strings.ReplaceAll(account, "/", "_"))
}

func (c folderChain) Get(_, account string) (string, error) {
	text, err := os.ReadFile(c.path(account))
	if os.IsNotExist(err) {
		return "", secret.ErrNoItem
	}
	return string(text), err
}

func (c folderChain) Set(_, account, text string) error {
	c.at(stopBefore)
	// A keychain has an item, or has it not.
	half := filepath.Join(filepath.Dir(c.dir), "half")
	if err := os.WriteFile(half, []byte(text), 0o600); err != nil {
		return err
	}
	err := os.Rename(half, c.path(account))
	c.at(stopMade)
	return err
}

func (c folderChain) Delete(_, account string) error {
	c.at(stopSealed)
	err := os.Remove(c.path(account))
	if os.IsNotExist(err) {
		return secret.ErrNoItem
	}
	return err
}

// keyedStore is a store in a folder and its key, in a keychain there or in a file.
func keyedStore(dir string, at func(string)) (*store.Store, *keys, error) {
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(context.Background(), filepath.Join(dir, "mcpmux.db"), log)
	if err != nil {
		return nil, nil, err
	}
	k := newKeys(st, Options{DataDir: dir}, log)
	k.keychain = folderChain{filepath.Join(dir, "keychain"), at}
	return st, k, k.open(context.Background())
}

// serverOf is the only Server of a store.
func serverOf(st *store.Store) (mcpmux.ServerID, error) {
	state, err := st.Load(context.Background())
	if err != nil {
		return "", err
	}
	return state.Servers[0].ID, nil
}

// rekeyForEver is the child of TestRekey_KilledAtAnyPointEverythingOpens. It changes the key from the keychain to a
// file and back, while another goroutine writes values, and says what it has done.
func rekeyForEver(stop string) int {
	at := func(point string) {
		if point == stop {
			fmt.Fprintln(os.Stdout, "stopped")
			select {}
		}
	}
	st, k, err := keyedStore(".", at)
	if err != nil {
		fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	id, err := serverOf(st)
	if err != nil {
		return 1
	}
	go func() {
		for i := 0; ; i++ {
			name, text := fmt.Sprintf("W%d", i%20), strconv.FormatInt(time.Now().UnixNano(), 10)
			v := store.Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: name, Secret: true}, Value: secret.NewValue(text)}
			if _, err := st.UpdateServer(context.Background(), id, store.ServerPatch{Put: []store.Value{v}}); err != nil {
				fmt.Fprintln(os.Stdout, "error", err)
				return
			}
			fmt.Fprintln(os.Stdout, "written", name, text)
		}
	}()
	for {
		for _, to := range []string{secret.SourceKeychain, secret.SourceKeyFile} {
			begun := time.Now()
			fmt.Fprintln(os.Stdout, "begin")
			if err := k.Rekey(context.Background(), to, secret.Value{}); err != nil {
				fmt.Fprintln(os.Stdout, "error", err)
				return 1
			}
			fmt.Fprintln(os.Stdout, "done", time.Since(begun).Nanoseconds())
		}
	}
}

// manyValues is how much is sealed: so that a change of the key takes a while.
const manyValues = 300

func TestRekey_KilledAtAnyPointEverythingOpens(t *testing.T) {
	for _, name := range []string{"MCPMUX_MASTER_KEY_FILE", "MCPMUX_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "keychain"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := sealMany(t, dir)
	stops := []string{stopBefore, stopMade, stopSealed}
	for range 20 {
		stops = append(stops, stopNowhere)
	}
	before := 1 // the version of the key
	outcomes := make(map[string]int)
	for round, stop := range stops {
		last := killRekey(t, dir, stop, 2+round%2, float64(round)/float64(len(stops)), want)
		leftovers := len(keysIn(t, dir)) - 1
		version := checkOpens(t, dir, want)
		if version < before+last {
			t.Errorf("round %d: key %d is in use; %d changes were done after key %d", round, version, last, before)
		}
		outcomes[fmt.Sprintf("%d beyond what was told, %d keys left over", version-before-last, leftovers)]++
		before = version
	}
	t.Log(outcomes)
}

// sealMany makes a Server with many values and answers them.
func sealMany(t *testing.T, dir string) map[string]string {
	t.Helper()
	st, _, err := keyedStore(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	state, err := st.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	srv := store.NewServer{Space: state.Spaces[0].ID, Alias: "s", Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "x"}}
	for i := range manyValues {
		name := mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: fmt.Sprintf("V%d", i), Secret: true}
		want[name.Name] = strings.Repeat("value ", 1+i%10)
		srv.Values = append(srv.Values, store.Value{ValueName: name, Value: secret.NewValue(want[name.Name])})
	}
	if _, _, err := st.CreateServer(t.Context(), srv); err != nil {
		t.Fatal(err)
	}
	return want
}

// killRekey runs the child and kills it: where it stops, else in the given change of the key, in the part of it that
// phase says. It answers how many changes the child had told of, and adds to want what it had written.
func killRekey(t *testing.T, dir, stop string, change int, phase float64, want map[string]string) (done int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), rekeyVariable+"="+stop)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun, took := 0, int64(0)
	lines := bufio.NewScanner(out)
	for lines.Scan() { // to the end of the pipe: what it still wrote before it died counts
		words := strings.Fields(lines.Text())
		switch words[0] {
		case "begin":
			if begun++; begun == change {
				<-time.After(time.Duration(float64(took) * (phase + 0.1*rand.Float64())))
				_ = cmd.Process.Kill()
			}
		case "done":
			done++
			took, _ = strconv.ParseInt(words[1], 10, 64)
		case "written":
			want[words[1]] = words[2]
		case "stopped":
			_ = cmd.Process.Kill()
		default:
			t.Errorf("the child says: %s", lines.Text())
		}
	}
	_ = cmd.Wait() // it was killed
	return done
}

// checkOpens does what the next start does, and answers the version of the key in use.
func checkOpens(t *testing.T, dir string, want map[string]string) int {
	t.Helper()
	st, _, err := keyedStore(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	id, err := serverOf(st)
	if err != nil {
		t.Fatal(err)
	}
	values, err := st.Values(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, v := range values {
		got[v.Name] = v.Reveal()
	}
	for name, text := range want {
		// What is written again and again may be newer than what the child told of before it died.
		if newer := strings.HasPrefix(name, "W") && got[name] > text; got[name] != text && !newer {
			t.Errorf("%s is %q, want %q", name, got[name], text)
		}
	}
	p, err := st.KeyPlace(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left := keysIn(t, dir); len(left) != 1 || len(p.Old) != 0 {
		t.Errorf("keys in %q after the next start; in use %+v", left, p)
	}
	return p.Version
}

// keysIn lists where keys are: in the keychain and in files.
func keysIn(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (filepath.Ext(path) == ".key" || filepath.Base(filepath.Dir(path)) == "keychain") {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
