package auth

import (
	"log/slog"
	"net/http"
)

// Authenticator finds out who makes a request. [Verifier] is one for Clerk's tokens, auth/forward has one for those of a gateway.
type Authenticator interface {
	// Authenticate returns the caller, or an *Error; token_missing means that the request names nobody.
	Authenticate(r *http.Request) (*Identity, error)
}

// Option changes what [Middleware] does.
type Option func(*options)

type options struct {
	log *slog.Logger
}

// WithLog logs refusals with their cause, those that are our own fault as errors. Neither tokens nor who called are in the log.
func WithLog(log *slog.Logger) Option {
	return func(o *options) { o.log = log }
}

// Middleware puts the caller's identity into the context of each request. It answers a request whose token is not good. One without a token
// passes without identity, also to handlers that are open to all: what is not is behind [Require] or one of the others, which refuse it.
func Middleware(a Authenticator, opts ...Option) func(http.Handler) http.Handler {
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, err := a.Authenticate(r)
			switch code := CodeOf(err); {
			case err == nil:
				next.ServeHTTP(w, withoutBearerProtocol(r.WithContext(With(r.Context(), id))))
			case code == CodeTokenMissing:
				next.ServeHTTP(w, r)
			default:
				o.refused(r, code, err)
				WriteProblem(w, r, err)
			}
		})
	}
}

func (o *options) refused(r *http.Request, code Code, err error) {
	level := slog.LevelInfo
	if statusOf(code) >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []any{"code", string(code), "method", r.Method}
	if cause := causeOf(err); cause != nil {
		attrs = append(attrs, "error", cause)
	}
	o.log.Log(r.Context(), level, "request refused", attrs...)
}
