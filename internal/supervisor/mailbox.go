package supervisor

import "sync"

// mailbox is the queue of what a worker is to do next. Posting never blocks.
type mailbox struct {
	wake chan struct{} // has one element while there is something to take

	// mu guards the following.
	mu    sync.Mutex
	queue []func()
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

func (m *mailbox) post(f func()) {
	m.mu.Lock()
	m.queue = append(m.queue, f)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}
