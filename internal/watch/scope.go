package watch

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// scope registers collectors for as long as the lock is held. Who gets the lock a second time makes everything anew, and a registry takes no second
// collector of a name.
type scope struct {
	prometheus.Registerer

	mu  sync.Mutex
	all []prometheus.Collector
}

// Register keeps the collector in mind.
func (s *scope) Register(c prometheus.Collector) error {
	if err := s.Registerer.Register(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
	return nil
}

// MustRegister is Register for collectors that cannot be taken.
func (s *scope) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := s.Register(c); err != nil {
			panic(err)
		}
	}
}

// end takes all of them away.
func (s *scope) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		s.Unregister(c)
	}
	s.all = nil
}
