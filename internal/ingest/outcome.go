package ingest

import "net/http"

// outcome is how a delivery ended. It decides the answer, the metric and the log line, so the set is closed.
type outcome uint8

const (
	stored outcome = iota
	duplicate
	signatureMissing
	signatureMismatch
	headersMalformed
	timestampTooOld
	timestampTooNew
	wrongInstance
	instanceUnknown
	notFound
	methodNotAllowed
	bodyTimeout
	bodyTooLarge
	clientGone
	brokerUnavailable
	ackLate
	appendRefused
	tooBusy
	notReady
	panicked

	outcomes // their number
)

// retryAfter is in seconds. Svix heeds it between once and twice the wait of its own schedule, which begins with 5 s.
const retryAfter = "5"

type answer struct {
	code   string
	status int
	body   []byte
	retry  bool
}

// answers has one row for each outcome. clientGone and panicked are for the metric and the log: nobody reads the first, and the second
// should not exist.
var answers = [outcomes]answer{
	stored:            {code: "stored", status: http.StatusNoContent},
	duplicate:         {code: "duplicate", status: http.StatusNoContent},
	signatureMissing:  refuse("signature_missing", http.StatusUnauthorized),
	signatureMismatch: refuse("signature_mismatch", http.StatusUnauthorized),
	headersMalformed:  refuse("headers_malformed", http.StatusUnauthorized),
	timestampTooOld:   refuse("timestamp_too_old", http.StatusUnauthorized),
	timestampTooNew:   refuse("timestamp_too_new", http.StatusUnauthorized),
	wrongInstance:     refuse("wrong_instance", http.StatusForbidden),
	instanceUnknown:   refuse("instance_unknown", http.StatusNotFound),
	notFound:          refuse("not_found", http.StatusNotFound),
	methodNotAllowed:  refuse("method_not_allowed", http.StatusMethodNotAllowed),
	bodyTimeout:       refuse("body_timeout", http.StatusRequestTimeout),
	bodyTooLarge:      refuse("body_too_large", http.StatusRequestEntityTooLarge),
	clientGone:        refuse("client_gone", http.StatusBadRequest),
	brokerUnavailable: refuse("broker_unavailable", http.StatusServiceUnavailable),
	ackLate:           refuse("ack_late", http.StatusServiceUnavailable),
	appendRefused:     refuse("append_refused", http.StatusServiceUnavailable),
	tooBusy:           refuse("too_busy", http.StatusServiceUnavailable),
	notReady:          refuse("not_ready", http.StatusServiceUnavailable),
	panicked:          refuse("internal", http.StatusServiceUnavailable),
}

func refuse(code string, status int) answer {
	return answer{code, status, []byte(`{"code":"` + code + `"}` + "\n"), status == http.StatusServiceUnavailable}
}

// Header values shared by all answers; net/http only reads them.
var (
	valueJSON       = []string{"application/json"}
	valueRetryAfter = []string{retryAfter}
	valuePost       = []string{http.MethodPost}
	valueClose      = []string{"close"}
)

func (o outcome) write(w http.ResponseWriter) {
	a := &answers[o]
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h := w.Header()
	h["Content-Type"] = valueJSON
	switch {
	case a.retry:
		h["Retry-After"] = valueRetryAfter
	case o == methodNotAllowed:
		h["Allow"] = valuePost
	case o == bodyTooLarge, o == bodyTimeout, o == clientGone:
		// The rest of the body is still to come; reading it would be work for a request that is already refused.
		h["Connection"] = valueClose
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // a client that is gone is not news
}
