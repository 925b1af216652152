package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// DefaultMaxTokenBytes is twice what a browser keeps as a cookie.
const DefaultMaxTokenBytes = 8 << 10

// Config is what a [Verifier] is told. Zero values mean the defaults.
type Config struct {
	// Issuers are the Clerk instances whose tokens are accepted, each with its keys. At least one; each issuer once.
	Issuers []*KeySet

	// AuthorizedParties are the origins whose tokens are accepted (claim azp), such as https://app.example.com. Without any, no token with
	// an azp is accepted. They are also the other origins from which a cookie may authorize a request that changes something.
	AuthorizedParties []string
	// AllowMissingParty accepts tokens without azp, which is what native clients send. One of the two must be given.
	AllowMissingParty bool

	// IgnoreCookies looks for tokens in headers only, as is right for a backend that no browser calls with cookies.
	IgnoreCookies bool

	// Algorithms of the signature. Default: RS256, the only one that Clerk uses; RS384 and RS512 may be named. The key sets' own hold too.
	Algorithms []string
	// Leeway is by how much the clocks of Clerk and of this machine may differ. Default: 5 seconds, as in Clerk's own SDK for JavaScript.
	Leeway time.Duration
	// MaxLifetime is the longest exp − iat that is accepted. It bounds how long a Revocations has to remember. Default: 10 minutes.
	MaxLifetime time.Duration
	// MaxTokenBytes is the longest token that is looked at. Default: DefaultMaxTokenBytes.
	MaxTokenBytes int

	// Revocations is asked about each token that is otherwise good. Default: none.
	Revocations Revocations

	Now     func() time.Time      // default: time.Now
	Log     *slog.Logger          // of tokens that are accepted and odd. Default: none
	Metrics prometheus.Registerer // default: none; several verifiers may share one
}

func (cfg Config) withDefaults() Config {
	or(&cfg.Leeway, 5*time.Second)
	or(&cfg.MaxLifetime, 10*time.Minute)
	or(&cfg.MaxTokenBytes, DefaultMaxTokenBytes)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (cfg Config) validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(cfg.Issuers) == 0 {
		add("no issuer is named")
	}
	seen := map[string]bool{}
	for _, keys := range cfg.Issuers {
		switch {
		case keys == nil:
			add("an issuer has no keys")
		case seen[keys.Issuer()]:
			add("issuer %q is named twice", keys.Issuer())
		default:
			seen[keys.Issuer()] = true
		}
	}
	if len(cfg.AuthorizedParties) == 0 && !cfg.AllowMissingParty {
		add("no authorized party is named, and a missing one is not allowed: no token could be accepted")
	}
	if slices.Contains(cfg.AuthorizedParties, "") {
		add("an authorized party is empty; AllowMissingParty says that")
	}
	if cfg.Leeway < 0 || cfg.MaxLifetime < 0 || cfg.MaxTokenBytes < 0 {
		add("a negative leeway, lifetime or size")
	}
	return errors.Join(problems...)
}

// Revocations tells what happened since a token was issued. auth/denylist implements it from the read model.
type Revocations interface {
	// Check returns nil or an *Error. Any other error counts as freshness_unknown. It must be quick and safe for concurrent use, and must
	// neither keep nor change id.
	Check(ctx context.Context, id *Identity) error
}

// Verifier checks Clerk's session tokens, of versions 1 and 2. It is safe for concurrent use.
type Verifier struct {
	cfg        Config
	algorithms []jose.SignatureAlgorithm
	issuers    map[string]*KeySet
	origins    http.CrossOriginProtection
	metrics    tokenMetrics
	warned     atomic.Int64 // when the log last told of an ambiguous token, in seconds since 1970
}

// sessionAlgorithms are those that clerk/javascript verifies (packages/backend/src/jwt/algorithms.ts).
var sessionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// NewVerifier checks the configuration and reports all that is wrong with it.
func NewVerifier(cfg Config) (*Verifier, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	v := &Verifier{cfg: cfg, issuers: make(map[string]*KeySet, len(cfg.Issuers))}
	for _, keys := range cfg.Issuers {
		v.issuers[keys.Issuer()] = keys
	}
	for _, party := range cfg.AuthorizedParties {
		// A party that is no origin authorizes no cookie, and that is all: azp is compared as text.
		_ = v.origins.AddTrustedOrigin(party)
	}
	var err error
	if v.algorithms, err = algorithmsOf(cfg.Algorithms, sessionAlgorithms); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if v.metrics, err = newTokenMetrics(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return v, nil
}

// Verify checks a token and returns who it speaks for. Errors are [Error]s. It makes no network call while the issuer's keys are known;
// ctx bounds the wait for keys that are not.
func (v *Verifier) Verify(ctx context.Context, token string) (*Identity, error) {
	id, err := v.verify(ctx, token)
	v.metrics.count(err)
	return id, err
}

// verify reads of a token only what it must before the signature holds: the header, and by whose keys to check.
func (v *Verifier) verify(ctx context.Context, token string) (*Identity, error) {
	t, err := parse(token, v.algorithms, v.cfg.MaxTokenBytes)
	if err != nil {
		return nil, err
	}
	if err := t.checkKind(); err != nil {
		return nil, err
	}
	issuer, err := issuerOf(t.jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, err
	}
	keys, ok := v.issuers[issuer]
	if !ok {
		return nil, Refuse(CodeIssuerUnknown, nil)
	}
	key, err := keys.Key(ctx, t.header.KeyID)
	if err != nil {
		return nil, err
	}
	payload, err := t.verify(key)
	if err != nil {
		return nil, err
	}
	id, err := v.identify(ctx, payload)
	if err != nil {
		return nil, err
	}
	if err := v.checkRevoked(ctx, id); err != nil {
		return nil, err
	}
	return id, nil
}

func (v *Verifier) checkRevoked(ctx context.Context, id *Identity) error {
	if v.cfg.Revocations == nil {
		return nil
	}
	err := v.cfg.Revocations.Check(ctx, id)
	if _, refused := errors.AsType[*Error](err); err != nil && !refused {
		return Refuse(CodeFreshnessUnknown, err)
	}
	return err
}

// identify checks the claims of a verified payload.
func (v *Verifier) identify(ctx context.Context, payload []byte) (*Identity, error) {
	c, version, err := decode(payload)
	if err != nil {
		return nil, err
	}
	for _, check := range []func(*claims) error{checkKindOfClaims, v.checkTimes, v.checkParty, checkStatus} {
		if err := check(c); err != nil {
			return nil, err
		}
	}
	id := &Identity{
		User: c.Subject, Session: c.Session,
		Platform: c.platform(), Actor: c.actor(),
		Issuer: c.Issuer, AuthorizedParty: c.Party,
		IssuedAt: time.Unix(c.IssuedAt, 0), ExpiresAt: time.Unix(c.Expires, 0),
		Factors: c.factors(),
	}
	ambiguous, err := c.fill(id, version)
	if err != nil {
		return nil, err
	}
	if ambiguous {
		v.alert(ctx, id)
	}
	return id, nil
}

// alert tells of permissions that can be read in two ways. The counter tells each time, the log once a minute.
func (v *Verifier) alert(ctx context.Context, id *Identity) {
	v.metrics.ambiguous.Inc()
	now, last := v.cfg.Now().Unix(), v.warned.Load()
	if now-last >= 60 && v.warned.CompareAndSwap(last, now) {
		v.cfg.Log.WarnContext(ctx, "permissions can be read in two ways: none granted", "issuer", id.Issuer, "organization_id", id.Org)
	}
}
