package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// KeySetConfig is what a [KeySet] is told. Zero values mean the defaults.
type KeySetConfig struct {
	// Issuer is the exact iss of the tokens that these keys sign, such as https://clerk.example.com. Required.
	Issuer string

	// URL is where the keys are. Default: Issuer + /.well-known/jwks.json. It must be https, except on a loopback address.
	URL string
	// AllowPlainHTTP lets URL be http on any host, for a network that nobody else can write to.
	AllowPlainHTTP bool
	// Secret is sent as a bearer token to URL, for https://api.clerk.com/v1/jwks asks for one. Default: none.
	Secret string

	// JWKS holds the keys themselves, a JSON Web Key Set. They never age and nothing is fetched.
	JWKS []byte
	// PEM holds one public key, as Clerk's dashboard shows it. It has no id and so checks tokens with any; it never ages.
	PEM []byte

	// Algorithms are the signatures that a key may make. Default: RS256, the only one that Clerk uses. RS384, RS512, ES256 and EdDSA may be
	// named; symmetric ones and none may not.
	Algorithms []string

	// RefreshAfter is the age from which the keys are fetched again behind a request that has a good key. Default: 5 minutes, at most half
	// of MaxAge.
	RefreshAfter time.Duration
	// MinInterval lies between two fetches, whatever key ids are asked for. Default: 10 seconds, at most RefreshAfter.
	MinInterval time.Duration
	// MaxAge is the age from which keys are no longer used, when they cannot be fetched: how long a withdrawn key may live on while its
	// issuer cannot be reached. Default: 1 hour.
	MaxAge time.Duration
	// Timeout of a fetch. Default: 5 seconds.
	Timeout time.Duration
	// MaxBytes of a fetched set. Default: 64 KiB.
	MaxBytes int64
	// MaxTokenBytes is the longest token that Open looks at. Default: DefaultMaxTokenBytes.
	MaxTokenBytes int

	Client  *http.Client          // default: one of its own; redirects are never followed
	Now     func() time.Time      // default: time.Now
	Log     *slog.Logger          // of fetches that failed. Default: none
	Metrics prometheus.Registerer // default: none; several sets may share one
}

func (cfg KeySetConfig) withDefaults() KeySetConfig {
	if cfg.URL == "" && cfg.JWKS == nil && cfg.PEM == nil {
		cfg.URL = strings.TrimSuffix(cfg.Issuer, "/") + "/.well-known/jwks.json"
	}
	or(&cfg.MaxAge, time.Hour)
	or(&cfg.RefreshAfter, min(5*time.Minute, cfg.MaxAge/2))
	or(&cfg.MinInterval, min(10*time.Second, cfg.RefreshAfter))
	or(&cfg.Timeout, 5*time.Second)
	or(&cfg.MaxBytes, 64<<10)
	or(&cfg.MaxTokenBytes, DefaultMaxTokenBytes)
	if cfg.Client == nil {
		// A fetch in five minutes is no reason to keep a connection, and what is not kept does not leak.
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
		cfg.Client = &http.Client{Transport: transport}
	}
	// The issuer vouches for one address, not for those that it may send us to.
	client := *cfg.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.Client = &client
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (cfg KeySetConfig) validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if cfg.Issuer == "" {
		add("no issuer")
	}
	sources := 0
	for _, given := range []bool{cfg.URL != "", cfg.JWKS != nil, cfg.PEM != nil} {
		if given {
			sources++
		}
	}
	if sources > 1 {
		add("more than one of URL, JWKS and PEM")
	}
	if cfg.URL != "" {
		u, err := url.Parse(cfg.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			add("the URL of the keys is not like https://clerk.example.com/.well-known/jwks.json")
		case u.Scheme == "http" && !cfg.AllowPlainHTTP && !isLoopback(u.Hostname()):
			add("the URL of the keys is not https: whoever can change the answer can sign tokens")
		}
	}
	for name, d := range map[string]time.Duration{
		"RefreshAfter": cfg.RefreshAfter, "MinInterval": cfg.MinInterval, "MaxAge": cfg.MaxAge, "Timeout": cfg.Timeout,
	} {
		if d < 0 {
			add("%s is negative", name)
		}
	}
	if cfg.MaxAge < cfg.RefreshAfter || cfg.MaxAge < cfg.MinInterval {
		add("MaxAge is shorter than RefreshAfter or MinInterval: keys could be too old before they may be fetched")
	}
	return errors.Join(problems...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// KeySet knows the public keys of one issuer, and keeps them up to date as they are used. Keys belong to their set: two issuers whose keys
// have the same id do not share one. A new key under a new id is found when the first token names it, one under an old id with the next
// refresh. It is safe for concurrent use.
type KeySet struct {
	cfg        KeySetConfig
	algorithms []jose.SignatureAlgorithm
	metrics    keyMetrics

	known atomic.Pointer[keys]

	mu     sync.Mutex // guards what follows
	last   *fetch     // the fetch under way, or the last one; nil before the first
	closed bool

	life   context.Context // of fetches: they outlive the request that asked for them
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// keys is what a fetch brought. It is not changed any more.
type keys struct {
	byID    map[string]Key
	any     *Key // checks tokens with any key id, or with none
	fetched time.Time
	static  bool // never ages
}

// NewKeySet checks the configuration and reports all that is wrong with it. It fetches nothing: the first token does, or Refresh.
func NewKeySet(cfg KeySetConfig) (*KeySet, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("key set of %q: %w", cfg.Issuer, err)
	}
	algorithms, err := algorithmsOf(cfg.Algorithms, verifiable)
	if err != nil {
		return nil, fmt.Errorf("key set of %q: %w", cfg.Issuer, err)
	}
	s := &KeySet{cfg: cfg, algorithms: algorithms}
	if s.metrics, err = newKeyMetrics(cfg.Metrics, cfg.Issuer); err != nil {
		return nil, fmt.Errorf("key set of %q: %w", cfg.Issuer, err)
	}
	initial, err := s.static()
	if err != nil {
		return nil, fmt.Errorf("key set of %q: %w", cfg.Issuer, err)
	}
	s.known.Store(initial)
	s.life, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// static are the keys that the configuration holds, or none.
func (s *KeySet) static() (*keys, error) {
	switch {
	case s.cfg.JWKS != nil:
		byID, _, err := parseJWKS(s.cfg.JWKS, s.algorithms)
		return &keys{byID: byID, static: true}, err
	case s.cfg.PEM != nil:
		key, err := parsePEM(s.cfg.PEM, s.algorithms)
		return &keys{any: &key, static: true}, err
	default:
		return &keys{}, nil
	}
}

// Issuer is the exact iss of the tokens that these keys sign.
func (s *KeySet) Issuer() string { return s.cfg.Issuer }

// Key returns the key with an id. It waits for a fetch only where there is no good key. Its errors are [Error]s: key_missing (no id),
// key_unknown, or keys_unavailable when the keys could not be fetched, are too old, or ctx ended before they came.
func (s *KeySet) Key(ctx context.Context, kid string) (Key, error) {
	known := s.known.Load()
	if known.any != nil {
		return *known.any, nil
	}
	if kid == "" {
		return Key{}, Refuse(CodeKeyMissing, nil)
	}
	if known.static {
		return known.find(kid)
	}
	age := s.cfg.Now().Sub(known.fetched)
	if key, ok := known.byID[kid]; ok && age < s.cfg.MaxAge {
		if age >= s.cfg.RefreshAfter {
			s.begin() // nobody waits
		}
		return key, nil
	}
	return s.await(ctx, kid)
}

// await asks for a fetch, which may be one that others wait for, or that was done less than MinInterval ago: an unknown id costs its
// issuer at most one fetch in that time, however many come.
func (s *KeySet) await(ctx context.Context, kid string) (Key, error) {
	f := s.begin()
	select {
	case <-f.done:
	case <-ctx.Done():
		return Key{}, Refuse(CodeKeysUnavailable, fmt.Errorf("wait for the keys of %s: %w", s.cfg.Issuer, ctx.Err()))
	}
	known := s.known.Load()
	if s.cfg.Now().Sub(known.fetched) >= s.cfg.MaxAge {
		return Key{}, Refuse(CodeKeysUnavailable, f.err)
	}
	key, err := known.find(kid)
	if err != nil && f.err != nil {
		return Key{}, Refuse(CodeKeysUnavailable, f.err) // it may be a new key: nobody could be asked
	}
	return key, err
}

func (k *keys) find(kid string) (Key, error) {
	if key, ok := k.byID[kid]; ok {
		return key, nil
	}
	return Key{}, Refuse(CodeKeyUnknown, nil)
}

// Open checks a compact JWS against the keys of this set: form, algorithm and signature. It reads no claim: whether the token is current
// and meant for the caller is the caller's to check; [Verifier.Verify] does all of it.
func (s *KeySet) Open(ctx context.Context, token string) (Opened, error) {
	t, err := parse(token, s.algorithms, s.cfg.MaxTokenBytes)
	if err != nil {
		return Opened{}, err
	}
	key, err := s.Key(ctx, t.header.KeyID)
	if err != nil {
		return Opened{}, err
	}
	payload, err := t.verify(key)
	if err != nil {
		return Opened{}, err
	}
	typ, isText := t.text("typ")
	cat, isAlso := t.text("cat")
	if !isText || !isAlso {
		return Opened{}, Refuse(CodeTypeRefused, nil) // empty would be mistaken for absent
	}
	return Opened{KeyID: t.header.KeyID, Type: typ, Category: cat, Payload: payload}, nil
}

// Opened is a token whose signature held.
type Opened struct {
	KeyID    string
	Type     string // header typ; empty if absent
	Category string // header cat; empty if absent
	Payload  []byte
}
