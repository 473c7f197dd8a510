package authserver

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxRedirect bounds a redirect URI, in bytes.
const maxRedirect = 2048

// schemeForm is a scheme of RFC 3986 §3.1 in lower case.
var schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// badSchemes are those that browsers or systems act on themselves, so that a code would run as a script, be written
// to a file, or be sent by mail.
//
//nolint:gochecknoglobals // constant
var badSchemes = []string{
	"javascript", "data", "file", "vbscript", "blob", "filesystem", "about", "ftp", "ftps", "ws", "wss", "mailto", "tel", "sms",
	"view-source", "jar", "chrome", "chrome-extension", "moz-extension", "resource", "intent", "android-app", "search-ms", "shell",
}

// checkRedirect says why codes may not be sent to an address; nil where they may. Allowed are https, http on this
// machine (RFC 8252 §7.3), and private-use schemes (§7.1).
func checkRedirect(text string) error {
	switch {
	case text == "":
		return errors.New("a redirect URI is empty")
	case len(text) > maxRedirect:
		return fmt.Errorf("a redirect URI has %d bytes; at most %d are accepted", len(text), maxRedirect)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", c) }):
		return fmt.Errorf("the redirect URI %q has characters that no URI has", cut(text))
	case strings.Contains(text, "#"):
		return fmt.Errorf("the redirect URI %q has a fragment", cut(text))
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return fmt.Errorf("the redirect URI %q is not an absolute URI", cut(text))
	case u.User != nil:
		return fmt.Errorf("the redirect URI %q has a user name", cut(text))
	case u.Scheme == "https":
		if !isHost(u) {
			return fmt.Errorf("the redirect URI %q has no host that is written in plain letters", cut(text))
		}
		return nil
	case u.Scheme == "http":
		if !isLoopback(u) {
			return fmt.Errorf("the redirect URI %q is http and not on this machine; use https, or localhost, 127.0.0.1 or [::1]", cut(text))
		}
		return nil
	case !schemeForm.MatchString(u.Scheme), slices.Contains(badSchemes, u.Scheme), strings.HasPrefix(u.Scheme, "http"), strings.HasPrefix(u.Scheme, "ms-"):
		return fmt.Errorf("the redirect URI %q has a scheme that codes are not sent to", cut(text))
	}
	return nil
}

// hostForm is a name of RFC 1123 §2.1, and with underscores, which some have.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)

// isHost says whether the host of an address is written as machines know it: a name in ASCII or an IP address. Users
// decide by what they read, and browsers go to other letters than those that percent signs stand for.
func isHost(u *url.URL) bool {
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return addr.Zone() == ""
	}
	return hostForm.MatchString(u.Hostname())
}

// isLoopback says that an http address is one of this machine.
func isLoopback(u *url.URL) bool {
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return u.Scheme == "http"
	}
	return false
}

// matchRedirect says whether an address is the registered one. Text decides, but for the port on this machine, which
// programs choose as they start (RFC 8252 §7.3): there everything else has to be equal, the name of the host too,
// since localhost and 127.0.0.1 may be different programs.
func matchRedirect(registered, asked string) bool {
	if registered == asked {
		return true
	}
	a, errA := url.Parse(registered)
	b, errB := url.Parse(asked)
	if errA != nil || errB != nil || !isLoopback(a) || checkRedirect(asked) != nil {
		return false
	}
	if port := b.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	a.Host, b.Host = a.Hostname(), b.Hostname()
	return a.String() == b.String()
}

// redirectHost is what people know an address by: the host, with its port where that is not chosen by chance, or the
// scheme of a program.
func redirectHost(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return ""
	case isLoopback(u):
		return u.Hostname()
	case u.Scheme == "https":
		return strings.TrimSuffix(strings.ToLower(u.Host), ":")
	default:
		return u.Scheme + ":"
	}
}

// loopbackPort is the port on this machine that an address leads to; ok is false for one that leads elsewhere.
func loopbackPort(text string) (port int, ok bool) {
	u, err := url.Parse(text)
	if err != nil || !isLoopback(u) {
		return 0, false
	}
	if u.Port() == "" {
		return 80, true
	}
	port, err = strconv.Atoi(u.Port())
	return port, err == nil
}

// withParams is an address with further parameters; what its query has stays (RFC 6749 §4.1.2).
func withParams(address string, params url.Values) string {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + params.Encode()
}

// maxShown is how many bytes of a foreign value an error shows.
const maxShown = 100

func cut(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}
