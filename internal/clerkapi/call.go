package clerkapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/encoding/json"
)

// request is one call, which may take several attempts.
type request struct {
	method string
	path   string // below /v1/
	query  url.Values
	body   []byte
	max    int64 // bytes of the answer
}

// answered is a JSON text that Clerk answered, and when the request for it began.
type answered struct {
	body []byte
	at   time.Time
}

// longestPause bounds what a Retry-After may ask for; after that time we ask again.
const longestPause = 2 * time.Minute

// maxSingle bounds the answer about one object. A webhook's body is bounded to less.
const maxSingle = 4 << 20

// do repeats what may pass until ctx ends. Every method used here may be repeated: reading changes nothing, and merging the same metadata again neither.
func (c *Client) do(ctx context.Context, r request) (answered, error) {
	waits := c.newPace()
	var last error
	shapes := 0
	got, err := backoff.Retry(ctx, func() (answered, error) {
		got, err := c.attempt(ctx, r)
		waits.heed(err)
		if errors.Is(err, ErrShape) {
			shapes++ // a proxy's page may pass; a URL that is another site's does not
		}
		if err != nil && (!worthRepeating(err) || shapes >= c.limits.shapeTries) {
			err = backoff.Permanent(err)
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		return got, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		c.log.DebugContext(ctx, "request to clerk is repeated", "path", r.path, "wait", wait, "error", err)
	}))
	if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
		err = permanent.Unwrap()
	}
	switch {
	case err == nil:
		return got, nil
	case ctx.Err() != nil && last != nil && !errors.Is(err, last):
		return answered{}, fmt.Errorf("%s %s: %w, and before: %w", r.method, r.path, err, last)
	}
	return answered{}, fmt.Errorf("%s %s: %w", r.method, r.path, err)
}

func worthRepeating(err error) bool {
	if answer, ok := errors.AsType[*Error](err); ok {
		return answer.worthRepeating()
	}
	return !errors.Is(err, errTooLarge)
}

// attempt is one request, once the budget allows it. The time of observation is after that wait.
func (c *Client) attempt(ctx context.Context, r request) (answered, error) {
	asked := time.Now()
	if err := c.budget.take(ctx); err != nil {
		return answered{}, err
	}
	began := time.Now()
	c.metrics.waited.Observe(began.Sub(asked).Seconds())
	at := c.now()
	body, said, err := c.send(ctx, r)
	took := time.Since(began)
	c.metrics.count(err, took)
	return answered{body, byTheirClock(at, said, took)}, err
}

// byTheirClock is the time of observation by the clock that Clerk's events have, as far as its Date header tells (RFC 9110 §6.6.1, full seconds): with a clock
// of ours that is fast what we read would beat webhooks that are newer, and with a slow one lose against older ones. What the header cannot disprove stays.
func byTheirClock(at time.Time, said string, took time.Duration) time.Time {
	theirs, err := http.ParseTime(said)
	if err != nil {
		return at
	}
	// The answer was made between the beginning and the end of the request, and within a second after Date.
	if earliest := theirs.Add(-took); at.Before(earliest) || at.After(theirs.Add(time.Second)) {
		return earliest
	}
	return at
}

// send returns the answer's Date beside its text.
func (c *Client) send(ctx context.Context, r request) (body []byte, date string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no whole answer within %v", c.timeout))
	defer cancel()
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, "", err
	}
	c.authorize(req)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Clerk-API-Version", c.version)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "", plainly(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", c.refusal(r, resp)
	}
	body, err = readAnswer(resp, r.max)
	return body, resp.Header.Get("Date"), err
}

// plainly leaves the URL out: the query is nobody's business, and do names the path.
func plainly(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

var errTooLarge = fmt.Errorf("%w: larger than its bound", ErrShape)

func readAnswer(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	if resp.ContentLength > 0 {
		b.Grow(int(resp.ContentLength) + bytes.MinRead) // ReadFrom wants room for one read more
	}
	if _, err := b.ReadFrom(io.LimitReader(resp.Body, limit+1)); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(b.Len()) > limit {
		return nil, errTooLarge
	}
	if !json.Valid(b.Bytes()) {
		return nil, fmt.Errorf("%w: no JSON", ErrShape)
	}
	return b.Bytes(), nil
}

// refusal reads what is stable of an error: status, code and trace id. A 429 stops everybody who uses the key, but for one about a change: Clerk limits those
// by object too, and does not say which limit it was.
func (c *Client) refusal(r request, resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is cut off is no JSON, and then only the status is told
	e := &Error{Status: resp.StatusCode, Path: r.path}
	e.Code, e.TraceID = parseRefusal(text)
	if resp.StatusCode != http.StatusTooManyRequests {
		return e
	}
	// Jitter, for others who use the same key have heard the same.
	wait := retryAfter(resp.Header.Get("Retry-After"), c.now())
	wait += time.Duration(rand.Int64N(int64(wait)/10 + 1))
	if r.method != http.MethodGet {
		e.wait = wait
		return e
	}
	c.budget.pause(wait)
	return e
}

func parseRefusal(text []byte) (code, trace string) {
	var body struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
		TraceID string `json:"clerk_trace_id"`
	}
	if json.Unmarshal(text, &body) != nil {
		return "", ""
	}
	if len(body.Errors) > 0 && isID(body.Errors[0].Code) {
		code = body.Errors[0].Code
	}
	if isID(body.TraceID) {
		trace = body.TraceID
	}
	return code, trace
}

// retryAfter reads both forms of RFC 9110 §10.2.3; 0 is none.
func retryAfter(header string, now time.Time) time.Duration {
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, at.Sub(now)), longestPause)
	}
	seconds := 0
	for _, c := range []byte(header) {
		if c < '0' || c > '9' {
			return 0
		}
		seconds = min(seconds*10+int(c-'0'), int(longestPause/time.Second))
	}
	return time.Duration(seconds) * time.Second
}
