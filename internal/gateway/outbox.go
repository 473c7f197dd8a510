package gateway

import (
	"sync"
)

// Bounds of an outbox: what may wait for a client that reads slowly, or has no stream open.
const (
	outboxItems = 256
	outboxBytes = 4 << 20
)

// outbox is a bounded queue of messages for one stream. Writers never block; what does not fit is dropped,
// oldest droppable message first.
type outbox struct {
	// wake holds one token while there is something to read.
	wake chan struct{}

	// mu guards the following.
	mu      sync.Mutex
	items   []outItem
	size    int
	dropped int
}

// outItem is one message in an outbox. A keyed item replaces the waiting one of the same key, so that only
// the last state of a thing is told; must marks what is never dropped.
type outItem struct {
	key  string
	must bool
	raw  []byte
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// push queues a message. It reports false where a message that must arrive did not fit.
func (o *outbox) push(it outItem) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if it.key != "" {
		for i := range o.items {
			if o.items[i].key == it.key {
				o.size += len(it.raw) - len(o.items[i].raw)
				o.items[i] = it
				return true
			}
		}
	}
	for len(o.items) >= outboxItems || (o.size+len(it.raw) > outboxBytes && len(o.items) > 0) {
		if !o.dropOldest() {
			return false
		}
	}
	o.items = append(o.items, it)
	o.size += len(it.raw)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

func (o *outbox) dropOldest() bool {
	for i, it := range o.items {
		if !it.must {
			o.size -= len(it.raw)
			o.items = append(o.items[:i], o.items[i+1:]...)
			o.dropped++
			return true
		}
	}
	return false
}

// take empties the outbox.
func (o *outbox) take() []outItem {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items, o.size = nil, 0
	return items
}
