package admin

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/tally"
)

// summary is what was counted, for the API.
func (n *naming) summary(s *tally.Summary) api.ActivitySummary {
	out := api.ActivitySummary{
		Window: s.Name, Step: mcpmux.Duration(s.Step), Begin: s.Begin, Total: counted(&s.Total), Buckets: make([]api.ActivityBucket, len(s.Slots)),
		Servers: n.counts(s.Servers), Tools: n.counts(s.Tools), Clients: n.counts(s.Clients),
	}
	for i := range s.Slots {
		out.Buckets[i] = api.ActivityBucket{At: s.Begin.Add(time.Duration(i) * s.Step), ActivityCount: counted(&s.Slots[i])}
	}
	return out
}

func counted(c *tally.Count) api.ActivityCount {
	out := api.ActivityCount{Calls: c.Calls, Errors: c.Errors, Denied: c.Denied, Median: mcpmux.Duration(c.Median), P95: mcpmux.Duration(c.P95)}
	if !c.Last.IsZero() {
		out.Last = &c.Last
	}
	return out
}

// counts are those of Servers, tools or Clients.
func (n *naming) counts(list []tally.Named) []api.ActivityOf {
	out := make([]api.ActivityOf, len(list))
	for i := range list {
		c := &list[i]
		of := api.ActivityOf{
			Name: c.Server, Method: c.Method, SpaceID: c.Space, ClientID: c.Client, ActivityCount: counted(&c.Count), Series: c.Series,
		}
		switch {
		case c.Server == "":
			of.Name = n.clients[c.Client]
		case c.Name != "":
			of.Name, of.Server = c.Name, c.Server
		}
		if c.Space != "" {
			of.Space = spaceName(n.state, c.Space)
		}
		out[i] = of
	}
	return out
}
