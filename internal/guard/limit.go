package guard

import (
	"crypto/sha256"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

const (
	// limiterKeys is how many keys a Limiter remembers in each of its two generations. A key it forgets
	// begins with a full bucket, as a new one does, so a flood of keys lets nobody in who was kept out for
	// longer than a bucket lasts anyway, and keeps nobody out.
	limiterKeys = 2048
	// limiterKeyLen is the longest key kept as it is, in bytes; longer ones (a client_id is chosen by who
	// sends it) are kept as their digest.
	limiterKeyLen = 128
)

// Limiter is a token bucket for each key: a client, a peer. There is never one bucket for all, with which one
// web page could lock out every client.
type Limiter struct {
	rate  float64 // tokens a second
	burst float64
	full  time.Duration // after which an empty bucket is full
	now   func() time.Time

	// mu guards the following.
	mu         sync.Mutex
	young, old map[string]bucket
	turned     time.Time // when young became the young one
}

type bucket struct {
	tokens float64
	at     time.Time // when it held them
}

// NewLimiter lets each key do burst things at once and perMinute in a minute. Both are at least 1.
func NewLimiter(perMinute, burst int) *Limiter {
	rate := float64(max(perMinute, 1)) / 60
	full := float64(max(burst, 1))
	return &Limiter{
		rate: rate, burst: full, full: time.Duration(full / rate * float64(time.Second)),
		now: time.Now, young: make(map[string]bucket),
	}
}

// Clock makes l use now for the time. It is called before l is used, and returns l.
func (l *Limiter) Clock(now func() time.Time) *Limiter {
	l.now = now
	return l
}

// Allow takes a token of key's. Without one left it takes none, and says when there will be one.
func (l *Limiter) Allow(key string) (ok bool, retryAfter time.Duration) {
	key = short(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.bucket(key, now)
	if ok = b.tokens >= 1; ok {
		b.tokens--
	} else {
		retryAfter = l.wait(b)
	}
	l.young[key] = b
	return ok, retryAfter
}

// Exhausted says whether key has no token left, and when it will have one. It takes none: for things that
// cost a token only when they fail.
func (l *Limiter) Exhausted(key string) (exhausted bool, retryAfter time.Duration) {
	key = short(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, l.now())
	if b.tokens >= 1 {
		return false, 0
	}
	return true, l.wait(b)
}

// wait is how long b takes to have a token.
func (l *Limiter) wait(b bucket) time.Duration {
	return time.Duration((1 - b.tokens) / l.rate * float64(time.Second))
}

func short(key string) string {
	if len(key) <= limiterKeyLen {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

// bucket is key's with what it holds at now. l.mu is held.
//
// Keys live in two generations. Each time the young one is full, or so old that every bucket in the one
// before has filled up since, the older is dropped as a whole: nothing is to be sorted or swept.
func (l *Limiter) bucket(key string, now time.Time) bucket {
	if len(l.young) >= limiterKeys || now.Sub(l.turned) > l.full {
		l.old, l.young, l.turned = l.young, make(map[string]bucket), now
	}
	b, known := l.young[key]
	if !known {
		b, known = l.old[key]
	}
	if !known {
		return bucket{tokens: l.burst, at: now}
	}
	if passed := now.Sub(b.at); passed > 0 { // A clock may be set back.
		b.tokens = min(l.burst, b.tokens+passed.Seconds()*l.rate)
	}
	b.at = now
	return b
}

// TooMany answers 429 (RFC 6585 §4) with the time after which to come again, in whole seconds and at least one.
func TooMany(w http.ResponseWriter, retryAfter time.Duration, message string) {
	w.Header().Set("Retry-After", strconv.FormatInt(retrySeconds(retryAfter), 10))
	writeError(w, http.StatusTooManyRequests, "unavailable", message)
}

func retrySeconds(d time.Duration) int64 { return max(1, int64(math.Ceil(d.Seconds()))) }

// Peer is the address of the other end of r's connection without its port: one spelling for each machine. It
// is "local" for connections that have no address, which are those of the control socket.
func Peer(r *http.Request) string {
	addr, ok := peerAddr(r.RemoteAddr)
	if !ok {
		return "local"
	}
	return addr.String()
}

// Near says whether the other end of r's connection is on this machine.
func Near(r *http.Request) bool {
	addr, ok := peerAddr(r.RemoteAddr)
	return !ok || addr.IsLoopback() // without an address it is the control socket
}

func peerAddr(remote string) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, false
	}
	return ap.Addr().Unmap().WithZone(""), true
}
