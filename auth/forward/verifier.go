package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
)

// DefaultLeeway is by how much the clocks of gateway and service may differ.
const DefaultLeeway = 5 * time.Second

// MaxTokenBytes is the longest identity token that is made or looked at: a caller of many permissions fits into it, and it into a server's headers.
const MaxTokenBytes = 32 << 10

// KeySetConfig is for the keys of a gateway: its issuer's, with the algorithms that it may sign with, none of which is one of Clerk's. Change the
// rest as you need.
func KeySetConfig(issuer string) auth.KeySetConfig {
	return auth.KeySetConfig{Issuer: issuer, Algorithms: []string{string(jose.EdDSA), string(jose.ES256)}, MaxTokenBytes: MaxTokenBytes}
}

// VerifierConfig is what a service expects.
type VerifierConfig struct {
	// Keys are the gateway's, of a KeySetConfig. Required.
	Keys *auth.KeySet
	// Audience is this service's name, as the gateway calls it. Required.
	Audience string
	// Leeway for clocks. Default: DefaultLeeway.
	Leeway time.Duration
	// Revocations is asked about each caller whose token is otherwise good. Default: none, which trusts the gateway's Clerk token until it expires.
	Revocations auth.Revocations
	Now         func() time.Time // default: time.Now
}

// Verifier checks identity tokens. It is an [auth.Authenticator], and safe for concurrent use.
type Verifier struct {
	config VerifierConfig
}

var _ auth.Authenticator = (*Verifier)(nil)

// NewVerifier checks the configuration and reports all that is wrong with it.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	var wrong []error
	if c.Keys == nil {
		wrong = append(wrong, errors.New("keys are missing"))
	}
	if c.Audience == "" {
		wrong = append(wrong, errors.New("audience is missing"))
	}
	if c.Leeway < 0 || c.Leeway > MaxLifetime {
		wrong = append(wrong, fmt.Errorf("leeway %s is not between 0 and %s", c.Leeway, MaxLifetime))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("identity token verifier: %w", err)
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Verifier{c}, nil
}

// Authenticate verifies the bearer token of a request. Cookies, and every other header that names somebody, are not looked at: a browser or
// a neighbour could set those.
func (v *Verifier) Authenticate(r *http.Request) (*auth.Identity, error) {
	values := r.Header.Values("Authorization")
	switch len(values) {
	case 0:
		return nil, auth.Refuse(auth.CodeTokenMissing, nil)
	case 1:
	default:
		return nil, auth.Refuse(auth.CodeTokenConflict, errors.New("more than one authorization header"))
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return nil, auth.Refuse(auth.CodeTokenMissing, nil)
	}
	return v.Verify(r.Context(), token)
}

// Verify checks a token and returns the original caller, with the times of the caller's Clerk token. Errors are [auth.Error]s.
func (v *Verifier) Verify(ctx context.Context, token string) (*auth.Identity, error) {
	opened, err := v.config.Keys.Open(ctx, token)
	if err != nil {
		return nil, err
	}
	// Before anything in it is believed: the same keys could sign other things one day.
	if opened.Type != Type {
		return nil, auth.Refuse(auth.CodeTypeRefused, fmt.Errorf("typ %.64q", opened.Type))
	}
	var c claims
	if err := json.Unmarshal(opened.Payload, &c); err != nil {
		return nil, auth.Refuse(auth.CodeClaimsMalformed, err)
	}
	if err := v.check(&c); err != nil {
		return nil, err
	}
	id := c.identity()
	if v.config.Revocations != nil {
		if err := v.config.Revocations.Check(ctx, id); err != nil {
			if _, ok := errors.AsType[*auth.Error](err); !ok {
				err = auth.Refuse(auth.CodeFreshnessUnknown, err)
			}
			return nil, err
		}
	}
	return id, nil
}

func (v *Verifier) check(c *claims) error {
	issued, expires := time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	now, leeway := v.config.Now(), v.config.Leeway
	switch {
	case c.Issuer != v.config.Keys.Issuer():
		return auth.Refuse(auth.CodeIssuerUnknown, fmt.Errorf("issuer %.128q", c.Issuer))
	case c.Audience != v.config.Audience:
		return auth.Refuse(CodeAudienceRefused, fmt.Errorf("audience %.128q", c.Audience))
	case c.Expires == 0:
		return auth.Refuse(auth.CodeExpiryMissing, nil)
	case c.IssuedAt == 0:
		return auth.Refuse(auth.CodeIssuedAtMissing, nil)
	case !now.Before(expires.Add(leeway)):
		return auth.Refuse(auth.CodeTokenExpired, fmt.Errorf("expired %s", expires.UTC()))
	case issued.After(now.Add(leeway)):
		return auth.Refuse(auth.CodeIssuedInFuture, fmt.Errorf("issued %s", issued.UTC()))
	case expires.Sub(issued) > MaxLifetime:
		return auth.Refuse(auth.CodeLifetimeTooLong, fmt.Errorf("lifetime %s", expires.Sub(issued)))
	case c.Subject == "":
		return auth.Refuse(auth.CodeSubjectMissing, nil)
	case c.Caller.Session == "":
		return auth.Refuse(auth.CodeSessionMissing, nil)
	// A token outlives nothing that it was made from.
	case c.Caller.IssuedAt == 0 || c.Expires > c.Caller.Expires:
		return auth.Refuse(auth.CodeClaimsMalformed, errors.New("the times of the original token are missing or do not cover this one"))
	}
	return nil
}
