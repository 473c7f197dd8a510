package gateway

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// presentFor is how long a session without a stream counts as that of a client that is there: many never say that they
// leave, and none has to call more often.
const presentFor = 5 * time.Minute

// Connected counts what each Client has open: sessions with a request or a stream, or used a short while ago, and listen
// streams. A Client of MCP 2026-07-28 that neither listens nor calls has nothing open.
func (g *Gateway) Connected(now time.Time) map[mcpmux.ClientID]int {
	out := map[mcpmux.ClientID]int{}
	for _, s := range g.sessions.all() {
		if now.Unix()-s.used.Load() <= int64(presentFor/time.Second) || !s.idle() {
			out[s.identity.Client]++
		}
	}
	for _, l := range g.streams.all() {
		out[l.identity.Client]++
	}
	return out
}
