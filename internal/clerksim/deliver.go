package clerksim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// result is what came of one attempt that reached, or tried to reach, the endpoint.
type result struct {
	letter     *letter
	status     int // 0: no answer
	signed     time.Time
	ended      time.Time // by the sender's clock
	took       time.Duration
	retryAfter time.Duration
	timeout    bool
	endpoint   Endpoint // it went to
	abort      bool     // the endpoint told Svix to stop
}

func (r result) accepted() bool { return r.status >= 200 && r.status < 300 }

// deliver makes one attempt over real HTTP, unless the endpoint is off. A failure to connect is an attempt without an answer.
func (s *Sender) deliver(ctx context.Context, l *letter) result {
	to := s.cfg.Endpoint()
	out := result{letter: l, endpoint: to, signed: s.cfg.Now().Add(to.ClockOffset)}
	if to.Off {
		return out
	}
	if l.repeat && out.signed.Unix() <= l.signed.Unix() {
		out.signed = time.Unix(l.signed.Unix()+1, 0) // a repeat is a later attempt, and headers tell whole seconds only
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(l.Body))
	if err != nil {
		return out
	}
	if req.Header, err = Sign(to.Secret, l.ID, out.signed, l.Body); err != nil {
		return out
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("user-agent", "Svix-Webhooks/1.44 clerksim")

	began := time.Now()
	res, err := s.cfg.Client.Do(req)
	out.took, out.ended = time.Since(began), s.cfg.Now()
	if err != nil {
		var timeout net.Error
		out.timeout = errors.As(err, &timeout) && timeout.Timeout()
		return out
	}
	defer res.Body.Close()
	// Svix keeps no more of an answer than this. Reading it to the end lets the connection be used again; an unread rest costs a new one.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 20<<10))
	out.status = res.StatusCode
	out.retryAfter = retryAfter(res.Header, out.ended)
	out.abort = res.Header.Get("webhook-delivery") == "abort-message"
	return out
}
