package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// What is answered as revoked lets nobody in from then on, however many ask at once.
func TestRevocation_HoldsForEveryRequestThatBeginsAfterItsAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "mcpmux.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	verify := authserver.NewVerifier(time.Now)
	f := newFollower(st.Load, st.Changed(), verify.Apply, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		all.Wait()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() { f.run(ctx) })
	client, _, err := st.CreateClient(ctx, store.NewClient{Name: "a", Mode: mcpmux.ModeFollow, Approved: true})
	if err != nil {
		t.Fatal(err)
	}
	const revocations, callers = 200, 32
	var headers [revocations]string
	var answered [revocations]chan struct{} // each is closed with the answer
	for i := range answered {
		answered[i] = make(chan struct{})
	}
	for range callers {
		all.Go(func() {
			for i := range answered {
				select {
				case <-answered[i]:
				case <-ctx.Done():
					return
				}
				for range 20 {
					if _, err := verify.Verify(headers[i]); err == nil {
						t.Errorf("key %d lets in after its revocation was answered", i)
						return
					}
				}
			}
		})
	}
	for i := range headers {
		key, hint, hash := authserver.NewKey()
		k, rev, err := st.CreateKey(ctx, client.ID, store.NewKey{Hash: hash, Hint: hint})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.wait(ctx, rev); err != nil {
			t.Fatal(err)
		}
		headers[i] = "Bearer " + key
		if _, err := verify.Verify(headers[i]); err != nil {
			t.Fatalf("key %d is not good: %v", i, err)
		}
		if rev, err = st.RevokeKey(ctx, k.ID); err != nil {
			t.Fatal(err)
		}
		if err := f.wait(ctx, rev); err != nil {
			t.Fatal(err)
		}
		close(answered[i])
	}
}
