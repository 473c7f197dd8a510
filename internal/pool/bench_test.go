package pool

import (
	"context"
	"testing"
	"time"
)

// BenchmarkPool_Acquire is what the hot path pays for a live connection.
func BenchmarkPool_Acquire(b *testing.B) {
	p := New(func(_ context.Context, t Target, scope string) (*link, error) {
		return &link{target: t, scope: scope, done: make(chan struct{})}, nil
	}, Observer[*link]{}, time.Minute)
	b.Cleanup(p.Close)
	p.Set(target("one", time.Minute))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := p.Acquire(b.Context(), "s", "", false)
			if err != nil {
				b.Error(err)
				return
			}
			l.Release()
		}
	})
}
