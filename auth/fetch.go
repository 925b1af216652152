package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// fetch is one attempt to get the keys. err may be read once done is closed.
type fetch struct {
	began time.Time
	done  chan struct{}
	err   error
}

var errClosed = errors.New("key set is closed")

// Refresh fetches the keys now, or waits for the fetch under way, or returns the outcome of one that began less than MinInterval ago. At
// start, it makes the first request as quick as the others. Without it a wrong URL shows with the first token.
func (s *KeySet) Refresh(ctx context.Context) error {
	if s.known.Load().static {
		return nil
	}
	f := s.begin()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("refresh the keys of %s: %w", s.cfg.Issuer, ctx.Err())
	}
}

// Close ends a fetch under way and waits for it. The keys that are known stay in use until they are too old; none are fetched any more.
func (s *KeySet) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.group.Wait()
}

// begin returns the fetch under way, or the last one if it is younger than MinInterval, or a new one.
func (s *KeySet) begin() *fetch {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.last != nil && (!s.last.isDone() || now.Sub(s.last.began) < s.cfg.MinInterval) {
		return s.last
	}
	f := &fetch{began: now, done: make(chan struct{})}
	if s.closed {
		f.err = errClosed
		close(f.done)
		return f
	}
	s.last = f
	s.group.Go(func() { s.run(f) })
	return f
}

func (f *fetch) isDone() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// run takes the place of the known keys only when all went well, and all at once: a key that the issuer no longer has is gone.
func (s *KeySet) run(f *fetch) {
	defer close(f.done)
	ctx, cancel := context.WithTimeout(s.life, s.cfg.Timeout)
	defer cancel()
	fetched, err := s.get(ctx)
	if err != nil {
		f.err = fmt.Errorf("fetch the keys of %s: %w", s.cfg.Issuer, err)
		s.metrics.failed.Inc()
		s.cfg.Log.ErrorContext(ctx, "keys not fetched", "issuer", s.cfg.Issuer, "error", err)
		return
	}
	// The age counts from before the request: the answer may have been on its way for long.
	fetched.fetched = f.began
	s.known.Store(fetched)
	s.metrics.ok.Inc()
	s.metrics.fetched.Set(float64(f.began.Unix()))
}

func (s *KeySet) get(ctx context.Context) (*keys, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL, http.NoBody) //nolint:gosec // the operator's URL
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if s.cfg.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+s.cfg.Secret)
	}
	resp, err := s.cfg.Client.Do(req) //nolint:gosec // the operator's URL
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, s.cfg.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > s.cfg.MaxBytes {
		return nil, fmt.Errorf("answered more than %d bytes", s.cfg.MaxBytes)
	}
	byID, ignored, err := parseJWKS(text, s.algorithms)
	if err != nil {
		return nil, err
	}
	if ignored > 0 {
		s.cfg.Log.WarnContext(ctx, "keys of no use to us", "issuer", s.cfg.Issuer, "ignored", ignored)
	}
	return &keys{byID: byID}, nil
}
