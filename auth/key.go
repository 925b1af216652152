package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Key is a public key of an issuer.
type Key struct {
	ID        string // kid
	Algorithm string // the only one that it may be used with; empty: any of its set's
	Public    crypto.PublicKey
}

// minRSABits is what RFC 7518, 3.3 asks of keys for RS256.
const minRSABits = 2048

var (
	errKeyPrivate   = errors.New("it is not a public key")
	errKeyAlgorithm = errors.New("its algorithm is not one of the accepted")
)

// verifiable are the algorithms that can be named. HMAC is not among them, for whoever can check it can also sign; nor is none.
var verifiable = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.EdDSA}

// parseJWKS reads a JSON Web Key Set. As RFC 7517, 5 asks, it ignores keys that are not for us, and counts them; but a set in which one
// id stands for two keys, or that has no key for us at all, is an error: it would take the place of a good one.
func parseJWKS(text []byte, algorithms []jose.SignatureAlgorithm) (keys map[string]Key, ignored int, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, 0, fmt.Errorf("read JSON Web Key Set: %w", err)
	}
	keys = make(map[string]Key, len(set.Keys))
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal(raw, &jwk); err != nil || jwk.KeyID == "" || jwk.Use != "" && jwk.Use != "sig" {
			ignored++
			continue
		}
		key, err := newKey(jwk.KeyID, jwk.Algorithm, jwk.Key, algorithms)
		if err != nil {
			ignored++
			continue
		}
		if _, taken := keys[key.ID]; taken {
			return nil, ignored, fmt.Errorf("key set has two keys with id %q", key.ID)
		}
		keys[key.ID] = key
	}
	if len(keys) == 0 {
		return nil, ignored, fmt.Errorf("key set has no usable key among %d", len(set.Keys))
	}
	return keys, ignored, nil
}

// parsePEM reads one public key, PKIX or PKCS #1.
func parsePEM(text []byte, algorithms []jose.SignatureAlgorithm) (Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, errors.New("read PEM: no block")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		err = errKeyPrivate // the block's type stays unsaid, and the key with it
	}
	if err != nil {
		return Key{}, fmt.Errorf("read PEM: %w", err)
	}
	return newKey("", "", public, algorithms)
}

func newKey(id, algorithm string, public any, algorithms []jose.SignatureAlgorithm) (Key, error) {
	var fits []jose.SignatureAlgorithm
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return Key{}, fmt.Errorf("key %q has %d bits, fewer than %d", id, bits, minRSABits)
		}
		fits = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return Key{}, fmt.Errorf("key %q: %w", id, errKeyAlgorithm)
		}
		fits = []jose.SignatureAlgorithm{jose.ES256}
	case ed25519.PublicKey:
		fits = []jose.SignatureAlgorithm{jose.EdDSA}
	default: // symmetric or private
		return Key{}, fmt.Errorf("key %q: %w", id, errKeyPrivate)
	}
	ok := func(a jose.SignatureAlgorithm) bool {
		return slices.Contains(algorithms, a) && (algorithm == "" || string(a) == algorithm)
	}
	if !slices.ContainsFunc(fits, ok) {
		return Key{}, fmt.Errorf("key %q: %w", id, errKeyAlgorithm)
	}
	return Key{ID: id, Algorithm: algorithm, Public: public}, nil
}

// algorithmsOf turns names into those of the library; nil stands for RS256.
func algorithmsOf(names []string, allowed []jose.SignatureAlgorithm) ([]jose.SignatureAlgorithm, error) {
	if len(names) == 0 {
		return []jose.SignatureAlgorithm{jose.RS256}, nil
	}
	algorithms := make([]jose.SignatureAlgorithm, len(names))
	for i, name := range names {
		algorithms[i] = jose.SignatureAlgorithm(name)
		if !slices.Contains(allowed, algorithms[i]) {
			return nil, fmt.Errorf("algorithm %q is not one of %v", name, allowed)
		}
	}
	return algorithms, nil
}
