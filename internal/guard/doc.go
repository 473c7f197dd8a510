// Package guard is what stands in front of every route of both listeners: it opens their addresses, and refuses
// connections and requests that no honest client makes. docs/limits.md has all of it as tables.
//
// A request passes, in this order: the limits on connections, header and body (Listener, Server); who of this machine
// sent it, where that matters (OtherUser); the Host it was sent to; its Origin; what the browser says of its page
// (Sec-Fetch-Site); headers that decide something and must be there once; the size of its body. A panic behind all
// that costs one answer, not the process. Who the client is and what it may do is not decided here (authserver,
// gateway, admin); Limiter and Methods are for those who do.
//
// The threats are a web page in the user's own browser, which reaches loopback by DNS rebinding and cross-site
// requests; other programs and users of the machine, which take our port before we do, come in the user's place, or
// fill it up; and, where the user let other machines in (Binding.Remote), those.
package guard
