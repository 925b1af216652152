package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// retryAfter is how long who was answered 503 should wait, in seconds: longer than a reconnect, shorter than patience.
const retryAfter = "5"

// problem is what RFC 9457 calls problem details, and with it a code for programs. There is no page about each type: type is absent, which
// means about:blank and that title is the status in words.
type problem struct {
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail,omitempty"`
	Code   Code        `json:"code"`
	Clerk  *clerkError `json:"clerk_error,omitempty"`
}

// clerkError is what useReverification looks for in an answer (clerk/javascript, packages/shared/src/authorization-errors.ts).
type clerkError struct {
	Type     string `json:"type"`
	Reason   string `json:"reason"`
	Metadata struct {
		Reverification struct {
			Level        string `json:"level"`
			AfterMinutes int    `json:"afterMinutes"`
		} `json:"reverification"`
	} `json:"metadata"`
}

// WriteProblem answers a request with a refusal as application/problem+json (RFC 9457) with a member code, and with WWW-Authenticate where
// RFC 6750, 3 asks for it. The cause stays out of the answer. An error that is no [Error] is answered 500 internal_error.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = Refuse(CodeInternal, err)
	}
	p := problem{Title: http.StatusText(e.Status), Status: e.Status, Detail: refusals[e.Code].detail, Code: e.Code}
	if e.stepUp != nil {
		p.Clerk = e.stepUp.clerkError()
	}
	body, err := json.Marshal(p)
	if err != nil {
		http.Error(w, http.StatusText(e.Status), e.Status) // a struct of texts and numbers: cannot be
		return
	}
	h := w.Header()
	if challenge := e.challenge(); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if e.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// challenge follows RFC 6750, 3.1: who sent no token is told no error. Codes need no escaping.
func (e *Error) challenge() string {
	switch {
	case e.Code == CodeTokenMissing:
		return "Bearer"
	case e.Status == http.StatusUnauthorized:
		return challenge("invalid_token", e.Code)
	case e.stepUp != nil: // RFC 9470, 3
		return fmt.Sprintf(`%s, max_age="%d"`, challenge("insufficient_user_authentication", e.Code), int(e.stepUp.maxAge.Seconds()))
	}
	switch e.Code {
	case CodeTokenConflict:
		return challenge("invalid_request", e.Code)
	case CodeOrgRequired, CodeRoleRequired, CodePermissionRequired:
		return challenge("insufficient_scope", e.Code)
	default: // not about tokens
		return ""
	}
}

func challenge(name string, code Code) string {
	return fmt.Sprintf(`Bearer error=%q, error_description=%q`, name, string(code))
}

// clerkError rounds up to the minute, Clerk's unit, and uses Clerk's names of levels.
func (s *stepUp) clerkError() *clerkError {
	e := &clerkError{Type: "forbidden", Reason: "reverification-error"}
	e.Metadata.Reverification.AfterMinutes = int((s.maxAge + time.Minute - 1) / time.Minute)
	e.Metadata.Reverification.Level = string(s.level)
	if s.level == StrongestFactor {
		e.Metadata.Reverification.Level = string(SecondFactor)
	}
	return e
}
