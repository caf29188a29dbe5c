package workload

import "sync"

// splitter shares one load between the ranks that have joined.
type splitter struct {
	mu    sync.Mutex
	total int64 // millicores for the whole instance
	ranks map[*member]struct{}
}

// member is one rank's place in a splitter. Its channel holds the newest share
// only: a slow reader skips the shares that are already outdated.
type member struct{ shares chan int64 }

func newSplitter() *splitter {
	return &splitter{ranks: map[*member]struct{}{}}
}

// join adds a rank and tells every rank its new share.
func (s *splitter) join() *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &member{shares: make(chan int64, 1)}
	s.ranks[m] = struct{}{}
	s.publish()
	return m
}

// leave removes a rank; the others take over what it carried.
func (s *splitter) leave(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ranks, m)
	s.publish()
}

// setTotal sets the load of the whole instance, in millicores.
func (s *splitter) setTotal(millicores int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total = millicores
	s.publish()
}

// status returns the load of the instance in millicores and how many ranks
// carry it.
func (s *splitter) status() (total int64, ranks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, len(s.ranks)
}

// publish must be called with the lock held. It is then the only sender, so
// emptying and filling a channel cannot block.
func (s *splitter) publish() {
	for m := range s.ranks {
		select {
		case <-m.shares:
		default:
		}
		m.shares <- s.total / int64(len(s.ranks))
	}
}
