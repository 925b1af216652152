package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/denylist"
	"github.com/clerkstream/clerkstream/auth/forward"
)

// gateway verifies, limits and forwards.
type gateway struct {
	log       *slog.Logger
	denylist  *denylist.Denylist // nil: tokens are believed until they expire
	verifier  *auth.Verifier
	signer    *forward.Signer
	limiter   *limiter
	upstreams map[string]*url.URL
	transport *http.Transport
	closers   []func()
}

func newGateway(ctx context.Context, c config, getenv func(string) string, log *slog.Logger) (g *gateway, err error) {
	g = &gateway{log: log, limiter: newLimiter(c.Rate, c.Burst), transport: newTransport()}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.upstreams, err = c.upstreams(getenv); err != nil {
		return nil, err
	}
	key, published, err := c.keys()
	if err != nil {
		return nil, err
	}
	if g.signer, err = forward.NewSigner(forward.SignerConfig{Key: key, Published: published, Issuer: c.GatewayURL}); err != nil {
		return nil, err
	}
	return g, g.believe(ctx, c)
}

// believe says whose tokens are good here.
func (g *gateway) believe(ctx context.Context, c config) error {
	keys, err := auth.NewKeySet(auth.KeySetConfig{Issuer: c.Issuer, URL: c.JWKSURL, AllowPlainHTTP: c.AllowHTTP, Log: g.log})
	if err != nil {
		return fmt.Errorf("keys of Clerk: %w", err)
	}
	g.closers = append(g.closers, keys.Close)
	v := auth.Config{Issuers: []*auth.KeySet{keys}, AuthorizedParties: c.Parties, AllowMissingParty: c.NativeClients, Log: g.log}
	if c.ReaderDatabaseURL != "" {
		pool, err := pgxpool.New(ctx, c.ReaderDatabaseURL)
		if err != nil {
			return fmt.Errorf("connect as reader: %w", err)
		}
		g.closers = append(g.closers, pool.Close)
		if g.denylist, err = denylist.New(denylist.Config{Pool: pool, Log: g.log}); err != nil {
			return err
		}
		v.Revocations = g.denylist
	}
	g.verifier, err = auth.NewVerifier(v)
	return err
}

// handler is everything that the gateway serves.
func (g *gateway) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	// Where the services find the keys of the identity tokens.
	mux.Handle("GET /.well-known/jwks.json", g.signer.JWKS())
	signedIn := auth.Middleware(g.verifier, auth.WithLog(g.log))
	for name, upstream := range g.upstreams {
		h := signedIn(auth.Require(g.limiter.limit(within(g.introduce(name, g.proxy(name, upstream))))))
		mux.Handle("/"+name, h)
		mux.Handle("/"+name+"/", h)
	}
	return mux
}

// introduce makes the identity token that tells a service who is calling. The service's name is its audience: no other believes it.
func (g *gateway) introduce(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := auth.From(r.Context())
		token, err := g.signer.Sign(id, service)
		if err != nil {
			g.log.ErrorContext(r.Context(), "no identity token", "service", service, "error", err)
			auth.WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token)))
	})
}

type tokenKey struct{}

// proxy forwards to one service. A WebSocket passes through: its caller is verified once, at the handshake.
func (g *gateway) proxy(service string, upstream *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Transport: g.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			stripIdentity(r.Out.Header)
			r.SetXForwarded()
			r.Out.Trailer = nil
			// Behind an upgrade nobody here reads what a client says. To HTTP/2 that would be requests that were never verified.
			if !strings.EqualFold(r.Out.Header.Get("Upgrade"), "websocket") {
				r.Out.Header.Del("Upgrade")
				r.Out.Header.Del("Connection")
			}
			// Last, and here: a client can have ReverseProxy drop a header by naming it in Connection.
			if token, ok := r.In.Context().Value(tokenKey{}).(string); ok {
				r.Out.Header.Set("Authorization", "Bearer "+token)
			}
		},
		ErrorHandler: g.unreachable(service),
		ErrorLog:     slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
}

func (g *gateway) unreachable(service string) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		// A client that went away is nobody's failure, and nobody reads the answer.
		if r.Context().Err() == nil {
			g.log.WarnContext(r.Context(), "service does not answer", "service", service, "error", err)
		}
		auth.WriteProblem(w, r, &auth.Error{Code: "service_unreachable", Status: http.StatusBadGateway})
	}
}

// newTransport talks to the services: never through a proxy that the environment names, and not for ever.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout:   3 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
	}
}

func (g *gateway) close() {
	g.transport.CloseIdleConnections()
	for _, c := range slices.Backward(g.closers) {
		c()
	}
}
