package guard

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateEvery is how often the files of a certificate are looked at. A certificate is renewed weeks before it
// ends, so nobody waits for it.
const certificateEvery = time.Minute

// Certificate is TLS with a certificate and its key from two files in PEM. When they are replaced, new connections
// get the new certificate; files that do not belong together, as amid the replacing, leave the one before.
func Certificate(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	first, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(first)
	c.checked.Store(c.now().UnixNano())
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}, nil
}

type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time
	current           atomic.Pointer[loaded]
	checked           atomic.Int64 // when the files were looked at, in Unix nanoseconds
}

type loaded struct {
	tls.Certificate
	cert, key time.Time // when the files were written
}

func (c *certificate) load() (*loaded, error) {
	l := new(loaded)
	for file, at := range map[string]*time.Time{c.certFile: &l.cert, c.keyFile: &l.key} {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("the certificate for TLS (--tls-cert, --tls-key): %w", err)
		}
		*at = info.ModTime()
	}
	var err error
	if l.Certificate, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err != nil {
		return nil, fmt.Errorf("the certificate for TLS (--tls-cert %s, --tls-key %s): %w", c.certFile, c.keyFile, err)
	}
	return l, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	last, now := c.checked.Load(), c.now()
	if now.Sub(time.Unix(0, last)) >= certificateEvery && c.checked.CompareAndSwap(last, now.UnixNano()) {
		c.renew()
	}
	return &c.current.Load().Certificate, nil
}

func (c *certificate) renew() {
	before := c.current.Load()
	after, err := c.load()
	if err != nil {
		c.log.Warn("the certificate was not read again; the one before is used", "err", err)
		return
	}
	if !after.cert.Equal(before.cert) || !after.key.Equal(before.key) {
		c.current.Store(after)
		c.log.Info("the certificate was replaced")
	}
}
