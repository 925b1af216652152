package clerkapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrNotFound is the answer about an object that the instance does not have, or no longer: a 404 with Clerk's own code. One without it is of something in
// between, a proxy or a load balancer without its backend, which knows nothing of the object.
var ErrNotFound = errors.New("clerk has no such object")

// ErrUnauthorized is what becomes of a wrong, deleted or insufficient secret key (401, 403). It is not repeated.
var ErrUnauthorized = errors.New("clerk refused the secret key: check that CLERK_SECRET_KEY is a current key of this instance")

// ErrNotEnabled is the answer about a feature that the instance does not have, organizations or billing for example.
var ErrNotEnabled = errors.New("not enabled for this instance")

// ErrShape is an answer of 200 that is not what the API promises: no JSON after several attempts, no list, larger than its bound. A list with single objects
// that are wrong is not an error, see Malformed.
var ErrShape = errors.New("unexpected shape of the answer")

// ErrPageSize is a page that is shorter than asked for though more follows, or longer. What was walked until then is not complete.
var ErrPageSize = errors.New("unexpected size of a page")

// Error is an answer of Clerk's that is not a success. It holds nothing of the message, which may quote what was sent.
type Error struct {
	Status int
	// Code is Clerk's, which is stable, of the first error in the answer; "" where there is none.
	Code string
	// TraceID is what Clerk's support asks for.
	TraceID string
	// Path of the request, without its query.
	Path string

	wait time.Duration // from Retry-After
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clerk answered %d", e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.TraceID != "" {
		b.WriteString(" (trace " + e.TraceID + ")")
	}
	if known := e.kind(); known != nil {
		b.WriteString(": " + known.Error())
	}
	return b.String()
}

// Is makes errors.Is know ErrNotFound, ErrUnauthorized and ErrNotEnabled.
func (e *Error) Is(target error) bool {
	known := e.kind()
	return known != nil && known == target
}

// kind looks at the code first, for Clerk answers 403 about features too, and then nothing is wrong with the key.
func (e *Error) kind() error {
	switch {
	case e.Status == http.StatusPaymentRequired, strings.Contains(e.Code, "not_enabled"), strings.Contains(e.Code, "unsupported_subscription_plan"):
		return ErrNotEnabled
	case e.Status == http.StatusNotFound && e.Code != "":
		return ErrNotFound
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return ErrUnauthorized
	}
	return nil
}

// worthRepeating is true where the same request may well succeed later.
func (e *Error) worthRepeating() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly:
		return true
	}
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}
