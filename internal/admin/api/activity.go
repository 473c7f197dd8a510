package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Activity is the record of one request, with the names of its Client and Space. A name is empty where what
// it named is gone.
type Activity struct {
	ID int64 `json:"id"`
	mcpmux.Activity
	ClientName string `json:"client"`
	SpaceName  string `json:"space"`
	// Verdict is what McpMux decided, whatever came of it: allowed or denied.
	Verdict Verdict `json:"decision"`
}

// Verdict is whether a request was let through.
type Verdict string

// The verdicts.
const (
	VerdictAllowed Verdict = "allowed"
	VerdictDenied  Verdict = "denied"
)

// ActivitySummary counts the calls of a window: of tools, prompts and resources.
type ActivitySummary struct {
	Window string          `json:"window"`
	Step   mcpmux.Duration `json:"step"` // of a bucket
	Begin  time.Time       `json:"begin"`
	Total  ActivityCount   `json:"total"`
	// Buckets follow each other without a gap; the last one is not over.
	Buckets []ActivityBucket `json:"buckets"`
	// Those with the most calls come first; there are at most 100 each.
	Servers []ActivityOf `json:"servers"`
	Tools   []ActivityOf `json:"tools"`
	Clients []ActivityOf `json:"clients"`
}

// ActivityCount is what is known of some calls. Errors are those that were let through and failed, Denied those that
// were not; how long calls took is of those that were answered, within 3 %.
type ActivityCount struct {
	Calls  int             `json:"calls"`
	Errors int             `json:"errors"`
	Denied int             `json:"denied"`
	Median mcpmux.Duration `json:"median"`
	P95    mcpmux.Duration `json:"p95"`
	Last   *time.Time      `json:"last,omitempty"`
}

// ActivityBucket counts the calls that began within one step.
type ActivityBucket struct {
	At time.Time `json:"at"`
	ActivityCount
}

// ActivityOf counts the calls of a Server, a tool (or prompt), or a Client.
type ActivityOf struct {
	// Name is the alias of a Server, the name of a tool as clients call it, or that of a Client; empty where the Client
	// is gone, or is no other than the user.
	Name     string          `json:"name"`
	Server   string          `json:"server,omitempty"`
	Method   string          `json:"method,omitempty"`
	SpaceID  mcpmux.SpaceID  `json:"space_id,omitempty"`
	Space    string          `json:"space,omitempty"`
	ClientID mcpmux.ClientID `json:"client_id,omitempty"`
	ActivityCount
	// Series are the calls of each bucket.
	Series []int `json:"series"`
}
