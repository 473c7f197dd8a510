package authclient

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxPublicDocument = 16 << 10 // bytes
	publicTimeout     = 5 * time.Second
)

// FetchPublic gets a JSON document from an address that anybody may have named: by https, from the public Internet
// alone, without following a redirect, and not more than 16 KiB or 5 s of it. keep is what its Cache-Control allows.
func FetchPublic(ctx context.Context, address string) (body []byte, keep time.Duration, err error) {
	w := webOfPublic(nil)
	defer w.close()
	return w.fetchPublic(ctx, address)
}

func (w *web) fetchPublic(ctx context.Context, address string) (body []byte, keep time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, publicTimeout)
	defer cancel()
	r, err := w.send(ctx, http.MethodGet, address, nil, http.Header{"Accept": {"application/json"}})
	if stray, ok := errors.AsType[*strayError](err); ok {
		return nil, 0, unusable("%s is not on the public Internet", stray.host)
	}
	if err != nil {
		return nil, 0, err
	}
	switch t, _, err := mime.ParseMediaType(r.header.Get("Content-Type")); {
	case r.status != http.StatusOK:
		return nil, 0, unusable("%s answered HTTP %d", shown(address), r.status)
	case err != nil || t != "application/json" && !strings.HasSuffix(t, "+json"):
		return nil, 0, unusable("%s answered something that is not JSON", shown(address))
	case len(r.body) > maxPublicDocument:
		return nil, 0, unusable("%s answered more than 16 KiB", shown(address))
	}
	return r.body, maxAge(r.header), nil
}

// maxAge is how long an answer may be kept (RFC 9111 §5.2.2); 0 where nothing is said, or no.
func maxAge(h http.Header) time.Duration {
	var age time.Duration
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		switch name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "="); name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n > 0 {
				age = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
			}
		}
	}
	return age
}
