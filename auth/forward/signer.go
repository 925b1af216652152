package forward

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
)

// DefaultLifetime of an identity token.
const DefaultLifetime = 30 * time.Second

// SignerConfig is what a gateway signs with.
type SignerConfig struct {
	// Key signs: an ed25519.PrivateKey (EdDSA) or an *ecdsa.PrivateKey on P-256 (ES256). Required. Never Clerk's, nor one used for anything else.
	Key crypto.Signer
	// Published are further public keys that JWKS shows. To rotate: publish the next key; when every replica of the gateway does, make it Key
	// and publish the last one; MaxLifetime later drop that. Services follow by themselves.
	Published []crypto.PublicKey
	// Issuer is the gateway's URL, and what its verifiers know it by. Required.
	Issuer string
	// Lifetime of a token. Default: DefaultLifetime; at most MaxLifetime.
	Lifetime time.Duration
	Now      func() time.Time // default: time.Now
}

// Signer makes identity tokens. It is safe for concurrent use.
type Signer struct {
	issuer   string
	lifetime time.Duration
	now      func() time.Time
	signer   jose.Signer
	jwks     []byte
}

// NewSigner checks the configuration and reports all that is wrong with it.
func NewSigner(c SignerConfig) (*Signer, error) {
	s := &Signer{issuer: c.Issuer, lifetime: c.Lifetime, now: c.Now}
	if s.lifetime == 0 {
		s.lifetime = DefaultLifetime
	}
	if s.now == nil {
		s.now = time.Now
	}
	var wrong []error
	if s.issuer == "" {
		wrong = append(wrong, errors.New("issuer is missing"))
	}
	if s.lifetime < time.Second || s.lifetime > MaxLifetime {
		wrong = append(wrong, fmt.Errorf("lifetime %s is not between 1s and %s", s.lifetime, MaxLifetime))
	}
	if err := s.takeKeys(c.Key, c.Published); err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("identity token signer: %w", err)
	}
	return s, nil
}

func (s *Signer) takeKeys(key crypto.Signer, published []crypto.PublicKey) error {
	if key == nil {
		return errors.New("key is missing")
	}
	own, err := publicJWK(key.Public())
	if err != nil {
		return err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own}}
	for _, k := range published {
		jwk, err := publicJWK(k)
		if err != nil {
			return err
		}
		if len(set.Key(jwk.KeyID)) == 0 {
			set.Keys = append(set.Keys, jwk)
		}
	}
	s.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(own.Algorithm), Key: jose.JSONWebKey{Key: key, KeyID: own.KeyID}},
		(&jose.SignerOptions{}).WithType(Type))
	if err != nil {
		return fmt.Errorf("sign with key %s: %w", own.KeyID, err)
	}
	s.jwks, err = json.Marshal(set)
	return err
}

// publicJWK names a key by its thumbprint (RFC 7638), so that the same key has the same id in every replica.
func publicJWK(key crypto.PublicKey) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: key, Use: "sig"}
	switch k := key.(type) {
	case ed25519.PublicKey:
		jwk.Algorithm = string(jose.EdDSA)
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return jwk, fmt.Errorf("an ecdsa key on %s: P-256 is needed", k.Params().Name)
		}
		jwk.Algorithm = string(jose.ES256)
	default:
		return jwk, fmt.Errorf("a key of type %T: ed25519 or ecdsa on P-256 is needed", key)
	}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return jwk, fmt.Errorf("thumbprint: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return jwk, nil
}

// Sign makes a token for one service that says who is calling. It expires after the signer's lifetime, or with the token that id was verified
// from if that is sooner. An identity without user, session or expiry is an error: no token ever said it.
func (s *Signer) Sign(id *auth.Identity, audience string) (string, error) {
	if id == nil || id.User == "" || id.Session == "" || id.ExpiresAt.IsZero() {
		return "", errors.New("sign identity token: the identity is not of a verified token")
	}
	if audience == "" {
		return "", errors.New("sign identity token: no audience")
	}
	now := s.now()
	expires := now.Add(s.lifetime)
	if id.ExpiresAt.Before(expires) {
		expires = id.ExpiresAt
	}
	payload, err := json.Marshal(claims{
		Issuer: s.issuer, Audience: audience, Subject: id.User, IssuedAt: now.Unix(), Expires: expires.Unix(), Caller: callerOf(id),
	})
	if err != nil {
		return "", fmt.Errorf("sign identity token: %w", err)
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign identity token: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err == nil && len(token) > MaxTokenBytes {
		err = fmt.Errorf("%d bytes are more than %d: user %s has too many permissions or features", len(token), MaxTokenBytes, id.User)
	}
	if err != nil {
		return "", fmt.Errorf("sign identity token: %w", err)
	}
	return token, nil
}

// JWKS serves the public keys, those that sign now and those that are Published. It is no secret.
func (s *Signer) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=60")
		_, _ = w.Write(s.jwks)
	})
}
