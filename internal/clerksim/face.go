package clerksim

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// maxRequest bounds a request's body.
const maxRequest = 64 << 10

// Handler is what Clerk looks like over HTTP: the instance's keys document, which is open to all; those parts of the Backend API that change something,
// under their real paths and behind the secret key (clerk.com/docs/reference/backend-api); and below /sim/, open too, what only a simulator has: tokens
// for anybody, good and wrong, whom there is to choose from, and the management of its faults.
func (c *Clerk) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", c.serveKeys)
	mux.Handle("/v1/", c.withSecretKey(c.metered(c.backend())))
	c.addSim(mux)
	c.addManagement(mux)
	mux.HandleFunc("/", notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		mux.ServeHTTP(w, r)
	})
}

// backend is the Backend API. Each resource adds its own paths.
func (c *Clerk) backend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/jwks", c.serveKeys)
	c.addUsers(mux)
	c.addSessions(mux)
	c.addOrganizations(mux)
	c.addUserLists(mux)
	c.addOrganizationLists(mux)
	c.addInstanceLists(mux)
	c.addBillingLists(mux)
	c.addRecordLists(mux)
	c.addProfile(mux)
	mux.HandleFunc("/v1/", notFound)
	return mux
}

func (c *Clerk) serveKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(c.JWKS())
}

func (c *Clerk) withSecretKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !ok:
			answerError(w, apiError{http.StatusUnauthorized, "authorization_header_format_invalid", "Invalid Authorization header format", nil})
		case subtle.ConstantTimeCompare([]byte(key), []byte(c.cfg.SecretKey)) != 1:
			answerError(w, apiError{http.StatusUnauthorized, "clerk_key_invalid", "The provided Clerk Secret Key is invalid", nil})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// apiError is one of Clerk's errors. The code is stable, the message is not.
type apiError struct {
	status        int
	code, message string
	meta          map[string]any
}

func answerError(w http.ResponseWriter, e apiError) {
	if e.meta == nil {
		e.meta = map[string]any{}
	}
	answer(w, e.status, map[string]any{
		"errors":         []any{map[string]any{"code": e.code, "message": e.message, "long_message": e.message, "meta": e.meta}},
		"clerk_trace_id": randomHex(16),
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(body))
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	answerError(w, apiError{http.StatusNotFound, "resource_not_found", "Resource not found", nil})
}

// settle answers with what a change came to: body, or the error in Clerk's form. refused is the code for what Clerk would not do.
func settle(w http.ResponseWriter, err error, refused string, body func() any) {
	switch {
	case errors.Is(err, ErrNotFound):
		notFound(w, nil)
	case err != nil:
		answerError(w, apiError{http.StatusUnprocessableEntity, refused, err.Error(), nil})
	default:
		answer(w, http.StatusOK, body())
	}
}

// read decodes a JSON body, and answers where it is none. An empty body leaves v as it is.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if r.ContentLength == 0 {
		return true
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		answerError(w, apiError{http.StatusUnsupportedMediaType, "unsupported_content_type", "Content-Type must be application/json", nil})
		return false
	}
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		answerError(w, apiError{http.StatusBadRequest, "request_body_invalid", "Request body invalid", nil})
		return false
	}
	return true
}

// missing answers that a parameter is needed.
func missing(w http.ResponseWriter, name string) {
	answerError(w, apiError{http.StatusUnprocessableEntity, "form_param_missing", name + " is missing", map[string]any{"param_name": name}})
}
