package authserver

import (
	"crypto/sha256"
	"errors"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// start is where the tests' clock stands.
func start() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// oneClient is a State of one client with one key.
func oneClient(hash [32]byte, approved bool, expires *time.Time) *mcpmux.State {
	return &mcpmux.State{
		Clients: []mcpmux.Client{{ID: "c1", Name: "cursor", Approved: approved}},
		Keys:    []mcpmux.AccessKey{{ID: "k1", Client: "c1", Hash: hash, ExpiresAt: expires}},
	}
}

func TestNewKey_IsFreshAndRecognisable(t *testing.T) {
	form := regexp.MustCompile(`^mm_key_[A-Za-z0-9_-]{43}$`)
	seen := make(map[string]bool)
	for range 100 {
		key, hint, hash := NewKey()
		if !form.MatchString(key) {
			t.Fatalf("%q does not look like a key", key)
		}
		if !strings.HasPrefix(key, hint) || len(hint) != hintLen {
			t.Errorf("hint %q of %q", hint, key)
		}
		if hash != sha256.Sum256([]byte(key)) {
			t.Error("the hash is not the key's")
		}
		if seen[key] {
			t.Fatal("the same key twice")
		}
		seen[key] = true
	}
}

func TestVerify_HeaderForms(t *testing.T) {
	key, _, hash := NewKey()
	other, _, _ := NewKey()
	v := NewVerifier(start)
	v.Apply(oneClient(hash, true, nil))
	for header, want := range map[string]error{
		"Bearer " + key:              nil,
		"bearer " + key:              nil,
		"BEARER " + key:              nil,
		"":                           ErrNoCredential,
		"Basic dXNlcjpwYXNz":         ErrNoCredential,
		key:                          ErrNoCredential,
		" Bearer " + key:             ErrNoCredential,
		"Bearer\t" + key:             ErrNoCredential,
		"Bearer":                     ErrInvalid,
		"Bearer ":                    ErrInvalid,
		"Bearer  " + key:             ErrInvalid,
		"Bearer " + key + " ":        ErrInvalid,
		"Bearer " + key + "," + key:  ErrInvalid,
		"Bearer " + key[:len(key)-1]: ErrInvalid,
		"Bearer " + key + "a":        ErrInvalid,
		"Bearer " + other:            ErrInvalid,
	} {
		who, err := v.Verify(header)
		if !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", strings.ReplaceAll(header, key, "KEY"), err, want)
		}
		if want == nil && who != (Identity{Client: "c1", Key: "k1"}) || want != nil && who != (Identity{}) {
			t.Errorf("%q: identity %+v", strings.ReplaceAll(header, key, "KEY"), who)
		}
	}
}

func TestVerify_AKeyEndsAtItsExpiry(t *testing.T) {
	key, _, hash := NewKey()
	now := start()
	expires := now.Add(time.Hour)
	v := NewVerifier(func() time.Time { return now })
	v.Apply(oneClient(hash, true, &expires))
	if _, err := v.Verify("Bearer " + key); err != nil {
		t.Errorf("before: %v", err)
	}
	now = expires.Add(-1)
	if _, err := v.Verify("Bearer " + key); err != nil {
		t.Errorf("just before: %v", err)
	}
	now = expires
	if _, err := v.Verify("Bearer " + key); !errors.Is(err, ErrInvalid) {
		t.Errorf("at expiry: %v", err)
	}
	var never time.Time
	v.Apply(oneClient(hash, true, &never))
	if _, err := v.Verify("Bearer " + key); !errors.Is(err, ErrInvalid) {
		t.Errorf("expired in the year 1: %v", err)
	}
}

func TestVerify_AnUnapprovedClientIsKnownAndNotLetIn(t *testing.T) {
	key, _, hash := NewKey()
	v := NewVerifier(start)
	v.Apply(oneClient(hash, false, nil))
	who, err := v.Verify("Bearer " + key)
	if !errors.Is(err, ErrNotApproved) || errors.Is(err, ErrInvalid) || who.Client != "c1" {
		t.Errorf("got %+v, %v", who, err)
	}
	if mcpmux.CodeOf(err) != mcpmux.CodeDenied {
		t.Errorf("code %s", mcpmux.CodeOf(err))
	}
}

func TestVerify_ARevokedKeyEndsWithTheNextApply(t *testing.T) {
	key, _, hash := NewKey()
	v := NewVerifier(start)
	if _, err := v.Verify("Bearer " + key); !errors.Is(err, ErrInvalid) {
		t.Errorf("before any State: %v", err)
	}
	v.Apply(oneClient(hash, true, nil))
	if _, err := v.Verify("Bearer " + key); err != nil {
		t.Error(err)
	}
	st := oneClient(hash, true, nil)
	st.Keys = nil
	v.Apply(st)
	if _, err := v.Verify("Bearer " + key); !errors.Is(err, ErrInvalid) {
		t.Errorf("after its revocation: %v", err)
	}
	st = oneClient(hash, true, nil)
	st.Clients = nil
	v.Apply(st)
	if _, err := v.Verify("Bearer " + key); !errors.Is(err, ErrInvalid) {
		t.Errorf("without its client: %v", err)
	}
}

func TestVerify_DoesNotAllocate(t *testing.T) {
	key, _, hash := NewKey()
	v := NewVerifier(time.Now)
	v.Apply(oneClient(hash, true, nil))
	header := "Bearer " + key
	l := NewLastSeen(time.Now)
	l.Seen("c1", "k1")
	if n := testing.AllocsPerRun(100, func() {
		who, err := v.Verify(header)
		if err != nil {
			t.Fatal(err)
		}
		l.Seen(who.Client, who.Key)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestVerify_ErrorsDoNotHoldTheCredential(t *testing.T) {
	key, _, hash := NewKey()
	v := NewVerifier(start)
	v.Apply(oneClient(hash, false, nil))
	for _, header := range []string{"Bearer " + key, "Bearer " + key + "x", key} {
		if _, err := v.Verify(header); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("got %v", err)
		}
	}
}

func TestVerify_WhileStatesAreApplied(t *testing.T) {
	key, _, hash := NewKey()
	v, l := NewVerifier(time.Now), NewLastSeen(time.Now)
	st := oneClient(hash, true, nil)
	v.Apply(st)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				who, err := v.Verify("Bearer " + key)
				if err != nil {
					t.Error(err)
					return
				}
				l.Seen(who.Client, who.Key)
			}
		})
	}
	for range 200 {
		v.Apply(st)
		l.Flush()
	}
	wg.Wait()
}

func TestLastSeen_TellsEachSightingOnce(t *testing.T) {
	now := start()
	l := NewLastSeen(func() time.Time { return now })
	l.Seen("a", "k1")
	first := now
	now = now.Add(time.Minute)
	l.Seen("a", "k2")
	l.Seen("b", "k3")
	got := l.Flush()
	if want := map[mcpmux.ClientID]time.Time{"a": now, "b": now}; !maps.Equal(got.Clients, want) {
		t.Errorf("clients: got %v, want %v", got.Clients, want)
	}
	if want := map[mcpmux.KeyID]time.Time{"k1": first, "k2": now, "k3": now}; !maps.Equal(got.Keys, want) {
		t.Errorf("keys: got %v, want %v", got.Keys, want)
	}
	if got := l.Flush(); len(got.Clients)+len(got.Keys) != 0 {
		t.Errorf("told again: %v", got)
	}
	now = now.Add(time.Minute)
	l.Seen("b", "k3")
	if got := l.Flush(); !maps.Equal(got.Clients, map[mcpmux.ClientID]time.Time{"b": now}) {
		t.Errorf("got %v", got)
	}
}

func FuzzVerify_OnlyTheKeyPasses(f *testing.F) {
	key, _, hash := NewKey()
	v := NewVerifier(start)
	v.Apply(oneClient(hash, true, nil))
	for _, seed := range []string{"", "Bearer", "Bearer " + key, "bearer  " + key, "Basic x", "Bearer a,b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		who, err := v.Verify(header)
		passes := len(header) == len("Bearer ")+len(key) && strings.EqualFold(header[:7], "Bearer ") && header[7:] == key
		if passes != (err == nil) || (err == nil) != (who.Client == "c1") {
			t.Errorf("%q: %+v, %v", header, who, err)
		}
		if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNoCredential) {
			t.Errorf("%q: %v", header, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, _, hash := NewKey()
	v := NewVerifier(time.Now)
	v.Apply(oneClient(hash, true, nil))
	header := "Bearer " + key
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(header); err != nil {
			b.Fatal(err)
		}
	}
}
